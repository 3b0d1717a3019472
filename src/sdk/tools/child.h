// A child process in a session and process group of its own.
#pragma once

#include "base/async.h"
#include "base/result.h"
#include "sdk/tools/fd.h"
#include "sdk/tools/process_table.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace isa::sdk {

struct TerminalShape {
  unsigned short cols = 80;
  unsigned short rows = 24;
};

struct Command {
  std::vector<std::string> argv;  // argv[0] is a path.
  std::vector<std::string> env;   // NAME=value, all of it.
  int folder = -1;                // Descriptor of the working directory.
  bool has_input = false;         // Otherwise standard input is empty.
  std::optional<TerminalShape>
      terminal;           // Then all three streams are one terminal, which is the child's own.
  bool has_jobs = false;  // Groups of its own may be in its session; they end with it, too.
};

// How a child ended: one of the two.
struct ChildEnd {
  int code = 0;
  std::optional<int> signal;

  // As a shell counts it: the exit code, or 128 + the signal.
  int as_shell() const { return signal ? 128 + *signal : code; }
};

// Destroying it kills the whole group at once; nothing of it is left running, except what made itself a
// session of its own (setsid), which only the sandbox's end or ProcessTable::kill_new_orphans() reaches.
// Lives on one event loop.
class Child {
 public:
  // No descriptor of this process but the child's end of its streams is inherited.
  static Result<std::unique_ptr<Child>> spawn(const asio::any_io_executor& executor,
                                              std::shared_ptr<ProcessTable> processes,
                                              const Command& command);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  // This process's ends of the streams, non-blocking. What there is none of, is closed: err() beside a
  // terminal, in() without input.
  asio::posix::stream_descriptor& out() { return out_; }
  asio::posix::stream_descriptor& err() { return err_; }
  asio::posix::stream_descriptor& in() { return in_; }

  pid_t pid() const { return pid_; }  // 0 after it was reaped.
  // Waits until the child itself has ended, and kills what is left of its group.
  Task<ChildEnd> wait();
  // Of a child with a terminal or with jobs: its whole session, since a shell makes a group of each job.
  void kill_group();
  void signal_group(int number);
  Result<void> resize(TerminalShape shape);

 private:
  struct Streams {
    Fd out, err, in;
  };

  Child(pid_t pid, std::shared_ptr<ProcessTable> processes, const asio::any_io_executor& executor,
        Streams streams, Fd exited, bool has_jobs);

  pid_t pid_;
  bool has_jobs_;
  ChildEnd end_;
  std::shared_ptr<ProcessTable> processes_;
  asio::posix::stream_descriptor out_, err_, in_, exited_;
};

}  // namespace isa::sdk
