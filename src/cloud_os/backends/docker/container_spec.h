// What the engine is told of one sandbox: the view of the world that its container gets.
#pragma once

#include "base/json.h"
#include "cloud_os/record.h"

#include <filesystem>

namespace isa::cloud_os::docker {

inline constexpr const char* kSandboxLabel = "isa.sandbox";
inline constexpr const char* kInstallationLabel = "isa.installation";
// Beside the broker's socket, for the moment of the start.
inline constexpr const char* kHandoverName = "listener.sock";
inline constexpr std::int64_t kDefaultPort = 8888;

struct SpecInput {
  std::string image;              // As the engine knows it.
  std::string installation;       // The mark of this data folder's sandboxes.
  std::filesystem::path runtime;  // isa-runtime on this host.
  std::filesystem::path passwd;   // See passwd_of().
  std::int64_t uid = 0;           // User and group, on the host as well.
  std::int64_t log_bytes = 0;
  bool has_seccomp = true;
  std::vector<std::string> volumes;  // Places that the image wants to write to.
};

// The port that it serves.
std::int64_t port_of(const Record& record);
std::string port_key(std::int64_t port);  // "8888/tcp"

json::object container_spec(const SandboxDir& dir, const Record& record, const SpecInput& from);

// The users that programs in the sandbox can look up.
std::string passwd_of(std::int64_t uid);

}  // namespace isa::cloud_os::docker
