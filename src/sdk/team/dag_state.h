// How far the tasks of a team are. Can be written down and read back: what was completed need not be done
// twice.
#pragma once

#include "sdk/team/spec.h"
#include "sdk/team/waiting.h"

#include <map>

namespace isa::sdk::team {

inline constexpr std::size_t kOutputMax = 32 << 10;  // Bytes of a task's output that are kept.
inline constexpr std::size_t kReportedOutputMax =
    4 << 10;  // Bytes of it in reports and in other tasks' prompts.

// waiting: for people.
enum class TaskState { pending, ready, running, waiting, completed, failed, skipped, cancelled };
BOOST_DESCRIBE_ENUM(TaskState, pending, ready, running, waiting, completed, failed, skipped, cancelled)

bool is_over(TaskState state);
// The table of steps. running -> ready is a new attempt; waiting -> running goes on with the same.
bool may_follow(TaskState from, TaskState to);

struct TaskReport {
  std::string task_id;
  std::string title;
  std::string agent;
  TaskState state = TaskState::pending;
  std::int64_t attempts = 0;
  std::string output;                       // What the agent answered, cut with a mark at kOutputMax.
  std::optional<std::string> reason;        // Why it failed, was skipped or cancelled.
  std::optional<std::int64_t> duration_ms;  // Of all attempts, without the time in which it waited.
};
BOOST_DESCRIBE_STRUCT(TaskReport, (), (task_id, title, agent, state, attempts, output, reason, duration_ms))

struct WaitingTask {
  WaitingTurn turn;
  std::int64_t active_ms = 0;  // Of this attempt.
};

// The tasks of one run, in the order of the spec.
class DagState {
 public:
  // Nothing done yet.
  explicit DagState(const std::vector<TaskSpec>& tasks);
  // What write() wrote of the same tasks: what was running, waiting or over is so still; what was ready or
  // cancelled is pending again. validation_error when it is of other tasks.
  static Result<DagState> resume(const std::vector<TaskSpec>& tasks, const json::value& written);
  // What waits and was decided on is written as running: answers are not written down, and nobody is asked
  // twice.
  json::value write() const;

  const std::vector<TaskReport>& reports() const { return reports_; }
  TaskReport& at(std::string_view id);
  const TaskReport& at(std::string_view id) const;
  // A step that the table does not allow is a bug: throws std::logic_error.
  void step(TaskReport& task, TaskState to);

  // running -> waiting, and back.
  void suspend(TaskReport& task, WaitingTask at);
  WaitingTask take_up(TaskReport& task);
  std::map<std::string, WaitingTask, std::less<>>& waiting() { return waiting_; }
  // All that waits was begun, and nobody knows how far it came: running -> as after a crash.
  void forget_waiting();

  // Ends every task that is not over.
  void cancel_rest(std::string_view reason);
  bool all(TaskState state) const;

  Usage usage;  // Of all turns so far.

 private:
  std::vector<TaskReport> reports_;
  std::map<std::string, WaitingTask, std::less<>> waiting_;  // By task.
};

}  // namespace isa::sdk::team
