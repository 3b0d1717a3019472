#include "agent/memory/memory_books.h"

#include "base/sha256.h"
#include "sdk/tools/memory.h"

#include <fmt/format.h>

namespace isa::agent {
namespace {

namespace fs = std::filesystem;

// A folder's name of an identifier that somebody else chose.
std::string name_of(std::string_view id) {
  std::string name;
  for (const unsigned char byte : sha256(id)) name += fmt::format("{:02x}", byte);
  return name;
}

fs::path agents_folder(const fs::path& root, const AgentId& agent) {
  return root / "agents" / name_of(agent.value());
}

fs::path sessions_folder(const fs::path& root, const SessionId& session) {
  return root / "sessions" / name_of(session.value());
}

fs::path folder_of(const fs::path& root, const MemoryOwner& whose) {
  const auto above = whose.agent ? agents_folder(root, *whose.agent) : sessions_folder(root, whose.session);
  return above / name_of(whose.user.value());
}

Result<sdk::ToolOutput> work(const fs::path& folder, std::string_view tool, const json::object& arguments,
                             Deadline deadline) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return internal_error("the memory cannot be opened").with_detail(failed.message());
  ISA_TRY(const auto workspace, sdk::Workspace::open(folder));
  return sdk::run_memory_tool(workspace, tool, arguments, deadline);
}

}  // namespace

Task<Result<sdk::ToolOutput>> MemoryBooks::call(MemoryOwner whose, std::string tool, json::object arguments,
                                                Deadline deadline) {
  auto run = [folder = folder_of(folder_, whose), tool = std::move(tool), arguments = std::move(arguments),
              deadline] { return work(folder, tool, arguments, deadline); };
  return offload<sdk::ToolOutput>(worker_, std::move(run));
}

Task<Result<void>> MemoryBooks::forget(MemoryOwner whose) {
  return remove(folder_of(folder_, whose));
}

Task<Result<void>> MemoryBooks::forget_agent(AgentId agent) {
  return remove(agents_folder(folder_, agent));
}

Task<Result<void>> MemoryBooks::forget_session(SessionId session) {
  return remove(sessions_folder(folder_, session));
}

Task<Result<void>> MemoryBooks::remove(fs::path folder) {
  auto run = [folder = std::move(folder)]() -> Result<void> {
    std::error_code failed;
    fs::remove_all(folder, failed);
    if (failed) return internal_error("the memory cannot be removed").with_detail(failed.message());
    return ok();
  };
  return offload<void>(worker_, std::move(run));
}

}  // namespace isa::agent
