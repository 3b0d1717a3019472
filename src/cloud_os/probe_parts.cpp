#include "cloud_os/probe_parts.h"

#include <unistd.h>

namespace isa::cloud_os {

namespace fs = std::filesystem;

FoundProgram find_own_program(std::string_view name, const std::string& configured,
                              std::string_view setting) {
  std::error_code error;
  fs::path path = configured;
  if (path.empty()) path = fs::read_symlink("/proc/self/exe", error).parent_path() / name;
  path = fs::absolute(path);
  const bool is_there = ::access(path.c_str(), X_OK) == 0;
  auto message = is_there
                     ? path.string()
                     : fmt::format("{} is no program; set {} to where {} is", path.string(), setting, name);
  return {path, {std::string(name), is_there, true, std::move(message)}};
}

fs::path sandboxes_folder(const fs::path& data_dir) {
  return data_dir / "sandboxes";
}

Finding prepare_data_folder(const fs::path& data_dir) {
  const auto sandboxes = sandboxes_folder(data_dir);
  Finding folder{"sandbox folder", false, true, sandboxes.string()};
  std::error_code error;
  fs::create_directories(sandboxes, error);
  if (!error) fs::permissions(sandboxes, fs::perms::owner_all, error);
  // The longest path below it: sandboxes/<id of 29>/broker/broker.sock.
  const auto longest = sandboxes.native().size() + 1 + 29 + std::string_view("/broker/broker.sock").size();
  if (error)
    folder.message = fmt::format("{} cannot be written: {}", data_dir.string(), error.message());
  else if (longest > 107)
    folder.message = fmt::format("{} is {} bytes too long for the sockets below it; choose a shorter one",
                                 data_dir.string(), longest - 107);
  else
    folder.is_good = true;
  return folder;
}

Finding look_at_user(std::int64_t uid_base) {
  if (::geteuid() == 0)
    return {"user", true, false, fmt::format("sandboxes run as users {} and above", uid_base)};
  return {
      "user", false, false,
      "sandboxes share this process's user: a flaw of the kernel's namespaces would reach its files; as root "
      "each gets a user of its own"};
}

}  // namespace isa::cloud_os
