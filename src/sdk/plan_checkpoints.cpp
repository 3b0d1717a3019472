#include "sdk/plan_checkpoints.h"

#include "sdk/tools/plan.h"

#include <algorithm>

namespace isa::sdk {
namespace {

bool is_finished(const json::object& change) {
  const auto* status = change.if_contains("status");
  return status && status->is_string() && (*status == "done" || *status == "skipped" || *status == "failed");
}

}  // namespace

bool PlanCheckpoints::reached_by(std::string_view tool, const json::object& args) {
  if (every_ <= 0) return false;
  if (tool == "create_plan") progress_ = {};
  if (tool != "update_plan") return false;
  const auto* steps = args.if_contains("steps");
  if (!steps || !steps->is_array()) return false;
  auto& finished = progress_.finished_steps;
  for (const auto& step : steps->get_array()) {
    const auto* change = step.if_object();
    const auto* id = change ? change->if_contains("id") : nullptr;
    if (!id || !id->is_string() || !is_finished(*change)) continue;
    const std::string_view name = id->get_string();
    // What breaks a plan's limits is refused when it runs.
    if (name.size() > kPlanIdMax || finished.size() >= kPlanStepsMax) continue;
    if (std::ranges::find(finished, name) == finished.end()) finished.emplace_back(name);
  }
  const auto due = static_cast<std::int64_t>(finished.size()) / every_;
  return due > std::exchange(progress_.checkpoints, std::max(due, progress_.checkpoints));
}

}  // namespace isa::sdk
