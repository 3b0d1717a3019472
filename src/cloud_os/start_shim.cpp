#include "cloud_os/start_shim.h"

#include <cerrno>
#include <spawn.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

namespace isa::cloud_os {
namespace {

constexpr int kListenFd = 3;  // As in shim/orders.h.
constexpr int kAllowedFd = 4;
constexpr int kRefusedIoctlsFd = 5;

// Above every number that it may be copied to, so that one copy never covers another one's source.
Descriptor lifted(Descriptor from) {
  return Descriptor(::fcntl(from.get(), F_DUPFD_CLOEXEC, 16));
}

// Owns the two posix_spawn objects; every call on them only allocates, and the spawn reports what was
// missing.
class SpawnPlan {
 public:
  SpawnPlan() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

}  // namespace

Result<ProcessId> start_shim(const SandboxDir& dir, const std::vector<std::string>& arguments,
                             ShimDescriptors inherited) {
  const Descriptor listener = lifted(std::move(inherited.listener));
  Descriptor allowed, refused;
  if (inherited.filter) {
    allowed = lifted(std::move(inherited.filter->allowed));
    refused = lifted(std::move(inherited.filter->refused_ioctls));
  }
  if (!listener || (inherited.filter && (!allowed || !refused)))
    return from_errno(errno, "no descriptor is left to start a sandbox");

  SpawnPlan plan;
  auto* actions = &plan.actions;
  ::posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, dir.log().c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
  ::posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, STDERR_FILENO);
  ::posix_spawn_file_actions_adddup2(actions, listener.get(), kListenFd);
  if (inherited.filter) {
    ::posix_spawn_file_actions_adddup2(actions, allowed.get(), kAllowedFd);
    ::posix_spawn_file_actions_adddup2(actions, refused.get(), kRefusedIoctlsFd);
  }
  ::posix_spawn_file_actions_addclosefrom_np(actions, (inherited.filter ? kRefusedIoctlsFd : kListenFd) + 1);

  std::vector<char*> words;
  for (const auto& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  char* no_environment[] = {nullptr};
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, words[0], actions, &plan.attributes, words.data(), no_environment);
  if (error != 0) return from_errno(error, fmt::format("cannot start {}", arguments.front()));
  // On a busy machine a short-lived sandbox may be over by now; then its folder says how it ended.
  const auto process = identify_child(pid);
  if (!process)
    return internal_error("the supervisor of sandbox {} cannot be found; is /proc mounted?", dir.id());
  return *process;
}

}  // namespace isa::cloud_os
