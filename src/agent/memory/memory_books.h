// What agents remember: a workspace of each agent and each of its users, which outlives sandboxes and
// sessions.
#pragma once

#include "base/ids.h"
#include "base/offload.h"
#include "sdk/tool.h"

#include <filesystem>
#include <optional>
#include <string>

namespace isa::agent {

// Whose memory. A chat without an agent remembers as long as its session is there.
struct MemoryOwner {
  UserId user;
  std::optional<AgentId> agent;
  SessionId session;
};

// Lives on one event loop; the files are read and written on a thread of its own, one call after the other.
class MemoryBooks {
 public:
  explicit MemoryBooks(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // memory_store or memory_search.
  Task<Result<sdk::ToolOutput>> call(MemoryOwner whose, std::string tool, json::object arguments,
                                     Deadline deadline);
  // Everything that an agent remembers of one user, of all users; what a session without an agent does.
  Task<Result<void>> forget(MemoryOwner whose);
  Task<Result<void>> forget_agent(AgentId agent);
  Task<Result<void>> forget_session(SessionId session);

 private:
  Task<Result<void>> remove(std::filesystem::path folder);

  std::filesystem::path folder_;
  asio::thread_pool worker_{1};
};

}  // namespace isa::agent
