// A child process in a session and process group of its own.
#pragma once

#include "base/async.h"
#include "base/result.h"
#include "sdk/tools/fd.h"
#include "sdk/tools/process_table.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <memory>
#include <string>
#include <vector>

namespace isa::sdk {

struct Command {
  std::vector<std::string> argv;  // argv[0] is a path.
  std::vector<std::string> env;   // NAME=value, all of it.
  int folder = -1;                // Descriptor of the working directory.
};

// Destroying it kills the whole group at once; nothing of it is left running, except what made itself a
// session of its own (setsid), which only the sandbox's end or ProcessTable::kill_new_orphans() reaches.
// Lives on one event loop.
class Child {
 public:
  // Standard input is empty; no descriptor of this process but the two pipes is inherited.
  static Result<std::unique_ptr<Child>> spawn(const asio::any_io_executor& executor,
                                              std::shared_ptr<ProcessTable> processes,
                                              const Command& command);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  // Ends of the pipes, non-blocking.
  asio::posix::stream_descriptor& out() { return out_; }
  asio::posix::stream_descriptor& err() { return err_; }

  // Waits until the child itself has ended, kills what is left of its group and returns its status as a shell
  // counts it: the exit code, or 128 + the signal.
  Task<int> wait();
  void kill_group();

 private:
  Child(pid_t pid, std::shared_ptr<ProcessTable> processes, const asio::any_io_executor& executor, Fd out,
        Fd err, Fd exited);

  pid_t pid_;  // 0 after it was reaped.
  int status_ = 0;
  std::shared_ptr<ProcessTable> processes_;
  asio::posix::stream_descriptor out_, err_, exited_;
};

}  // namespace isa::sdk
