// What a shim was told to do: its argument vector, read once.
//
//   isa-shim --dir DIR [--bare] [--uid N --gid N] [--cgroup DIR]... [--stage NAME=SOURCE]... [--log-bytes N]
//            [--file-bytes N] -- PROGRAM [ARGUMENT]...
//
// Descriptors that it inherits: 3 the sandbox's listening socket, 4 and 5 seccomp programs. The options of
// bubblewrap come from DIR/bwrap.args, so that nothing of a sandbox's environment shows in a process listing.
//
// --bare: the program is the sandbox, with nothing around it. Of the descriptors it has only the socket; its
// variables come from DIR/environment, each ended by a NUL, and its working directory is DIR/workspace.
#pragma once

#include <array>
#include <cstddef>

#include <sys/types.h>

namespace isa::shim {

inline constexpr int kListenFd = 3;
inline constexpr int kSeccompFd = 4;
inline constexpr int kIoctlFilterFd = 5;
inline constexpr int kArgsFd = 6;  // Of the program: DIR/bwrap.args.
inline constexpr int kInfoFd = 7;  // Of the program: where it says the pid of the sandbox's first process.

// A host path that becomes visible at <kStageFolder>/<name>, also to a uid that cannot reach it.
struct Stage {
  const char* name = nullptr;
  const char* source = nullptr;
};
inline constexpr const char* kStageFolder = "/tmp/isa";

struct Orders {
  const char* dir = nullptr;
  bool is_bare = false;
  bool drop = false;  // To uid and gid, after staging; only root can.
  uid_t uid = 0;
  gid_t gid = 0;
  std::array<const char*, 16> cgroups{};
  std::size_t cgroup_count = 0;
  std::array<Stage, 16> stages{};
  std::size_t stage_count = 0;
  std::size_t log_bytes = 1 << 20;
  unsigned long file_bytes = 0;  // No file of the sandbox can be larger; 0: any can.
  char** program = nullptr;      // Null-terminated.
};

// False, after saying why on stderr, when the arguments make no sense.
bool read_orders(int argc, char** argv, Orders& orders);

}  // namespace isa::shim
