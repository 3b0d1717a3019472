// How far the tasks of a team are. Can be written down and read back: what was completed need not be done
// twice.
#pragma once

#include "sdk/team/spec.h"

namespace isa::sdk::team {

inline constexpr std::size_t kOutputMax = 32 << 10;  // Bytes of a task's output that are kept.
inline constexpr std::size_t kReportedOutputMax =
    4 << 10;  // Bytes of it in reports and in other tasks' prompts.

enum class TaskState { pending, ready, running, completed, failed, skipped, cancelled };
BOOST_DESCRIBE_ENUM(TaskState, pending, ready, running, completed, failed, skipped, cancelled)

bool is_over(TaskState state);
// The table of steps. running -> ready is a new attempt.
bool may_follow(TaskState from, TaskState to);

struct TaskReport {
  std::string task_id;
  std::string title;
  std::string agent;
  TaskState state = TaskState::pending;
  std::int64_t attempts = 0;
  std::string output;                 // What the agent answered, cut with a mark at kOutputMax.
  std::optional<std::string> reason;  // Why it failed, was skipped or cancelled.
  std::optional<std::int64_t> duration_ms;
};
BOOST_DESCRIBE_STRUCT(TaskReport, (), (task_id, title, agent, state, attempts, output, reason, duration_ms))

// The tasks of one run, in the order of the spec.
class DagState {
 public:
  // Nothing done yet.
  explicit DagState(const std::vector<TaskSpec>& tasks);
  // What write() wrote of the same tasks: completed, failed and skipped ones stay so; what was under way or
  // cancelled is pending again. validation_error when it is of other tasks.
  static Result<DagState> resume(const std::vector<TaskSpec>& tasks, const json::value& written);
  json::value write() const { return json::write(reports_); }

  const std::vector<TaskReport>& reports() const { return reports_; }
  TaskReport& at(std::string_view id);
  const TaskReport& at(std::string_view id) const;
  // A step that the table does not allow is a bug: throws std::logic_error.
  void step(TaskReport& task, TaskState to);
  // Ends every task that is not over.
  void cancel_rest(std::string_view reason);
  bool all(TaskState state) const;

 private:
  std::vector<TaskReport> reports_;
};

}  // namespace isa::sdk::team
