#pragma once

#include "sdk/team/dag_state.h"

namespace isa::agent {

// The tasks of a team's run as its events tell of them: whoever ends a run that was cut off ends them too, so
// that no reader sees a task under way for ever, and the result has the report all the same.
class OpenTasks {
 public:
  void see(const sdk::Event& event);
  // Whether `event` is of a task that waits for people: nothing of it is under way.
  bool waits(const sdk::Event& event) const;
  // A dag_task for each that is not over, which says that it was cancelled and why.
  std::vector<sdk::Event> cut_off(std::string_view reason);
  // The report, as metadata.tasks of a result bears it; nothing when the run has no tasks.
  std::optional<json::value> report() const;

 private:
  void start(const json::object& metadata);
  void change(const json::object& metadata, std::string_view content);

  std::vector<sdk::team::TaskReport> tasks_;
};

}  // namespace isa::agent
