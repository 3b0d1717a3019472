#include "sdk/team/dag_state.h"

#include <algorithm>
#include <stdexcept>

namespace isa::sdk::team {
namespace {

struct WrittenTask {
  std::string task_id;
  std::int64_t active_ms = 0;
  json::value turn;
};
BOOST_DESCRIBE_STRUCT(WrittenTask, (), (task_id, active_ms, turn))

struct Document {
  std::vector<TaskReport> tasks;
  std::vector<WrittenTask> waiting;
  Usage usage;
};
BOOST_DESCRIBE_STRUCT(Document, (), (tasks, waiting, usage))

Error of_other_tasks() {
  return validation_error("the state is that of other tasks and cannot be resumed");
}

}  // namespace

bool is_over(TaskState state) {
  return state == TaskState::completed || state == TaskState::failed || state == TaskState::skipped ||
         state == TaskState::cancelled;
}

bool may_follow(TaskState from, TaskState to) {
  using enum TaskState;
  switch (from) {
    case pending: return to == ready || to == skipped || to == cancelled;
    case ready: return to == running || to == skipped || to == cancelled;
    case running: return to == ready || to == waiting || to == completed || to == failed || to == cancelled;
    case waiting: return to == running || to == cancelled;
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

json::value DagState::write() const {
  Document document{reports_, {}, usage};
  for (const auto& [id, task] : waiting_)
    if (!task.turn.is_decided()) document.waiting.push_back({id, task.active_ms, to_json(task.turn)});
  // Nobody is asked twice about what was decided on: it counts as begun (docs/decisions/0016).
  for (auto& report : document.tasks) {
    const auto waits = waiting_.find(report.task_id);
    if (waits != waiting_.end() && waits->second.turn.is_decided()) report.state = TaskState::running;
  }
  return json::write(document);
}

Result<DagState> DagState::resume(const std::vector<TaskSpec>& tasks, const json::value& written) {
  ISA_TRY(const auto document, json::read<Document>(written));
  DagState state(tasks);
  const bool is_same =
      std::ranges::equal(document.tasks, state.reports_, {}, &TaskReport::task_id, &TaskReport::task_id);
  if (!is_same) return of_other_tasks();
  state.usage = document.usage;
  state.reports_ = document.tasks;
  for (auto& task : state.reports_)
    if (task.state == TaskState::ready || task.state == TaskState::cancelled) task.state = TaskState::pending;
  for (const auto& [id, active_ms, turn] : document.waiting) {
    ISA_TRY(auto read, waiting_turn_from_json(turn));
    state.waiting_[id] = {std::move(read), active_ms};
  }
  for (const auto& task : state.reports_)
    if ((task.state == TaskState::waiting) != state.waiting_.contains(task.task_id)) return of_other_tasks();
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

void DagState::suspend(TaskReport& task, WaitingTask at) {
  step(task, TaskState::waiting);
  waiting_[task.task_id] = std::move(at);
}

WaitingTask DagState::take_up(TaskReport& task) {
  step(task, TaskState::running);
  return std::move(waiting_.extract(task.task_id).mapped());
}

void DagState::forget_waiting() {
  for (auto& task : reports_)
    if (task.state == TaskState::waiting) std::ignore = take_up(task);
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
