// The commands that run on after the call that started them: the background shells of one session.
#pragma once

#include "base/deadline.h"
#include "base/signal.h"
#include "base/task_group.h"
#include "sdk/tools/child.h"
#include "sdk/tools/output_ring.h"

#include <map>
#include <memory>

namespace isa::sdk {

enum class ShellStatus { running, exited, killed, timed_out };

struct ShellState {
  std::string id;
  std::string command;
  ShellStatus status = ShellStatus::running;
  std::optional<int> exit_code;  // As a shell counts it; nothing while it runs, and when it was killed here.
  std::chrono::milliseconds duration{0};
  std::size_t unread = 0;  // Bytes of output that no read() has given yet.
};

struct ShellNews {
  ShellState state;
  std::string out, err;    // What came since the last read(), oldest first.
  std::uint64_t lost = 0;  // Bytes before those that were dropped, because nobody read them in time.
};

// Lives on one event loop, and longer than the tools that start shells. Await stop() before it is destroyed;
// nothing of the shells' process groups and sessions is left then.
class ShellTable {
 public:
  static constexpr std::size_t kRunningMax = 16;
  static constexpr std::size_t kEndedMax = 16;              // That can still be read.
  static constexpr std::size_t kOutputMax = 256 << 10;      // Bytes kept of each shell.
  static constexpr std::size_t kReadMax = 64 << 10;         // Bytes that one read() gives.
  static constexpr std::size_t kCommandShownMax = 1 << 10;  // Bytes kept of its command.

  explicit ShellTable(const asio::any_io_executor& executor) : tasks_(executor) {}
  ShellTable(const ShellTable&) = delete;
  ShellTable& operator=(const ShellTable&) = delete;

  // rate_limit_exceeded while kRunningMax run. To be asked before a child is started.
  Result<void> check_room() const;
  // Takes over a child that was just started (with has_jobs), and kills it at the deadline. Returns its id.
  std::string add(std::unique_ptr<Child> child, std::string_view command, Deadline deadline);

  // Each byte of output is given once. With a deadline it waits for output or the end of the shell, but no
  // longer. not_found names the shells there are.
  Task<Result<ShellNews>> read(std::string id, Deadline wait);
  // Returns when the shell itself has ended. Killing one that has ended changes nothing.
  Task<Result<ShellState>> kill(std::string id);
  std::vector<ShellState> list() const;  // Oldest first.

  Task<void> stop();

 private:
  struct Shell;

  static Task<void> run(std::shared_ptr<Shell> shell);
  Result<std::shared_ptr<Shell>> find(const std::string& id) const;
  void forget_oldest();

  std::map<std::uint64_t, std::shared_ptr<Shell>> shells_;  // By number, and so by age.
  std::uint64_t last_number_ = 0;
  TaskGroup tasks_;
};

}  // namespace isa::sdk
