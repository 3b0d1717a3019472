#include "agent/teams/open_tasks.h"

#include <algorithm>

namespace isa::agent {
namespace {

using sdk::team::TaskReport;
using sdk::team::TaskState;

std::string string_in(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

std::optional<std::int64_t> number_in(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found && found->is_int64() ? std::optional(found->get_int64()) : std::nullopt;
}

sdk::Event event_of(const TaskReport& task) {
  sdk::Event event{sdk::EventType::system,
                   fmt::format("Task '{}' is {}.", task.title, json::name_of(task.state)),
                   {{"event", "dag_task"},
                    {"task_id", task.task_id},
                    {"title", task.title},
                    {"agent", task.agent},
                    {"state", json::name_of(task.state)},
                    {"attempt", task.attempts}}};
  if (task.reason) event.metadata["reason"] = *task.reason;
  return event;
}

}  // namespace

void OpenTasks::see(const sdk::Event& event) {
  if (event.type != sdk::EventType::system) return;
  const auto name = string_in(event.metadata, "event");
  if (name == "dag_start") start(event.metadata);
  if (name == "dag_task") change(event.metadata, event.content.value_or(""));
}

void OpenTasks::start(const json::object& metadata) {
  const auto* list = metadata.if_contains("tasks");
  if (!list || !list->is_array()) return;
  for (const auto& item : list->get_array()) {
    // Whatever a program in a sandbox says to be tasks, it is no more of them than a team has.
    if (!item.is_object()) return;
    const auto& task = item.get_object();
    const auto state = json::enum_named<TaskState>(string_in(task, "state")).value_or(TaskState::pending);
    const auto known = std::ranges::find(tasks_, string_in(task, "task_id"), &TaskReport::task_id);
    // A team that goes on after it was cut off says anew how far it is.
    if (known != tasks_.end())
      known->state = state;
    else if (tasks_.size() < sdk::team::kTasksMax)
      tasks_.push_back({.task_id = string_in(task, "task_id"),
                        .title = string_in(task, "title"),
                        .agent = string_in(task, "agent"),
                        .state = state});
  }
}

void OpenTasks::change(const json::object& metadata, std::string_view content) {
  const auto task = std::ranges::find(tasks_, string_in(metadata, "task_id"), &TaskReport::task_id);
  const auto state = json::enum_named<TaskState>(string_in(metadata, "state"));
  if (task == tasks_.end() || !state) return;
  task->state = *state;
  task->attempts = number_in(metadata, "attempt").value_or(task->attempts);
  task->duration_ms = number_in(metadata, "duration_ms");
  task->reason.reset();
  if (auto reason = string_in(metadata, "reason"); !reason.empty()) task->reason = std::move(reason);
  if (*state == TaskState::completed) task->output = content;
}

bool OpenTasks::waits(const sdk::Event& event) const {
  const auto task = std::ranges::find(tasks_, string_in(event.metadata, "task_id"), &TaskReport::task_id);
  return task != tasks_.end() && task->state == TaskState::waiting;
}

std::vector<sdk::Event> OpenTasks::cut_off(std::string_view reason) {
  std::vector<sdk::Event> events;
  for (auto& task : tasks_) {
    if (sdk::team::is_over(task.state)) continue;
    task.state = TaskState::cancelled;
    task.reason = reason;
    events.push_back(event_of(task));
  }
  return events;
}

std::optional<json::value> OpenTasks::report() const {
  if (tasks_.empty()) return std::nullopt;
  return json::write(tasks_);
}

}  // namespace isa::agent
