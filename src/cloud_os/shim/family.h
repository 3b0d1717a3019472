// The processes that a shim answers for, and the two files in the sandbox's folder that tell of them:
//   pids   "shim <pid> <start>\n" and, once known, "init <pid> <start>\n": who to signal, unmistakably
//   exit   "exited <code>\n" or "signaled <number>\n", written when the last process is gone
#pragma once

#include <cstddef>

#include <sys/types.h>

namespace isa::shim {

class Family {
 public:
  // `is_bare`: the program is the sandbox's first process itself (orders.h).
  Family(pid_t program, bool is_bare);

  // Bytes of bubblewrap's info: JSON with "child-pid", the sandbox's first process.
  void read_info(const char* bytes, std::size_t count);
  // Reaps who has ended; false when nobody is left.
  bool reap();
  void kill_all();
  // Whether kill_all() is to be called until nobody is left.
  bool is_ending() const { return is_bare_ && (was_told_ || status_ >= 0); }
  bool write_pids() const;
  bool write_exit() const;

 private:
  void kill_descendants();

  pid_t program_;
  bool is_bare_;
  bool was_told_ = false;     // To end.
  bool was_stopped_ = false;  // As far as that can be.
  pid_t init_;
  int init_fd_ = -1;
  int status_ = -1;  // Of program_, as wait(2) reports it.
  char info_[512] = {};
  std::size_t info_size_ = 0;
};

}  // namespace isa::shim
