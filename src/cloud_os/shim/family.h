// The processes that a shim answers for, and the two files in the sandbox's folder that tell of them:
//   pids   "shim <pid> <start>\n" and, once known, "init <pid> <start>\n": who to signal, unmistakably
//   exit   "exited <code>\n" or "signaled <number>\n", written when the last process is gone
#pragma once

#include <cstddef>

#include <sys/types.h>

namespace isa::shim {

class Family {
 public:
  explicit Family(pid_t program) : program_(program) {}

  // Bytes of bubblewrap's info: JSON with "child-pid", the sandbox's first process.
  void read_info(const char* bytes, std::size_t count);
  // Reaps who has ended; false when nobody is left.
  bool reap();
  void kill_all();
  bool write_pids() const;
  bool write_exit() const;

 private:
  pid_t program_;
  pid_t init_ = 0;
  int init_fd_ = -1;
  int status_ = -1;  // Of program_, as wait(2) reports it.
  char info_[512] = {};
  std::size_t info_size_ = 0;
};

}  // namespace isa::shim
