#include "sdk/team/dag_state.h"

#include <algorithm>
#include <stdexcept>

namespace isa::sdk::team {

bool is_over(TaskState state) {
  return state == TaskState::completed || state == TaskState::failed || state == TaskState::skipped ||
         state == TaskState::cancelled;
}

bool may_follow(TaskState from, TaskState to) {
  using enum TaskState;
  switch (from) {
    case pending: return to == ready || to == skipped || to == cancelled;
    case ready: return to == running || to == skipped || to == cancelled;
    case running: return to == ready || to == completed || to == failed || to == cancelled;
    case completed:
    case failed:
    case skipped:
    case cancelled: return false;
  }
  return false;
}

DagState::DagState(const std::vector<TaskSpec>& tasks) {
  for (const auto& task : tasks)
    reports_.push_back({.task_id = task.id, .title = task.title, .agent = task.agent});
}

Result<DagState> DagState::resume(const std::vector<TaskSpec>& tasks, const json::value& written) {
  ISA_TRY(const auto reports, json::read<std::vector<TaskReport>>(written));
  DagState state(tasks);
  const bool is_same =
      std::ranges::equal(reports, state.reports_, {}, &TaskReport::task_id, &TaskReport::task_id);
  if (!is_same) return validation_error("the state is that of other tasks and cannot be resumed");
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const auto& old = reports[i];
    if (is_over(old.state) && old.state != TaskState::cancelled) state.reports_[i] = old;
  }
  return state;
}

TaskReport& DagState::at(std::string_view id) {
  const auto found = std::ranges::find(reports_, id, &TaskReport::task_id);
  if (found == reports_.end()) throw std::logic_error("no task " + std::string(id));
  return *found;
}

const TaskReport& DagState::at(std::string_view id) const {
  return const_cast<DagState*>(this)->at(id);
}

void DagState::step(TaskReport& task, TaskState to) {
  if (!may_follow(task.state, to))
    throw std::logic_error(fmt::format("task {} cannot go from {} to {}", task.task_id,
                                       json::name_of(task.state), json::name_of(to)));
  task.state = to;
}

void DagState::cancel_rest(std::string_view reason) {
  for (auto& task : reports_) {
    if (is_over(task.state)) continue;
    step(task, TaskState::cancelled);
    task.reason = reason;
  }
}

bool DagState::all(TaskState state) const {
  return std::ranges::all_of(reports_, [&](const TaskReport& task) { return task.state == state; });
}

}  // namespace isa::sdk::team
