#include "sdk/tools/plan.h"

#include <set>

namespace isa::sdk {
namespace {

Result<void> check_text(std::string_view text, std::size_t max, const std::string& at) {
  if (text.empty()) return validation_error("{}: must not be empty", at).with_param(at);
  if (text.size() > max) return validation_error("{}: at most {} bytes", at, max).with_param(at);
  return ok();
}

}  // namespace

Result<void> check_plan(const Plan& plan) {
  ISA_TRYV(check_text(plan.title, kPlanTitleMax, "/title"));
  if (plan.steps.empty() || plan.steps.size() > kPlanStepsMax)
    return validation_error("/steps: a plan has from 1 to {} steps", kPlanStepsMax).with_param("/steps");
  std::set<std::string_view> ids;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const auto& step = plan.steps[i];
    const auto at = fmt::format("/steps/{}", i);
    ISA_TRYV(check_text(step.id, kPlanIdMax, at + "/id"));
    ISA_TRYV(check_text(step.title, kPlanTitleMax, at + "/title"));
    if (step.note && step.note->size() > kPlanNoteMax)
      return validation_error("{}/note: at most {} bytes", at, kPlanNoteMax).with_param(at + "/note");
    if (!ids.insert(step.id).second)
      return validation_error("{}/id: another step has the id '{}' already", at, step.id)
          .with_param(at + "/id");
  }
  return ok();
}

Result<Plan> parse_plan(std::string_view text) {
  if (text.size() > kPlanFileMax)
    return validation_error("it is larger than the {} kB that a plan may have", kPlanFileMax >> 10);
  ISA_TRY(auto plan, json::parse_as<Plan>(text));
  ISA_TRYV(check_plan(plan));
  return plan;
}

std::string plan_text(const Plan& plan) {
  return json::serialize(json::write(plan));
}

std::string plan_outline(const Plan& plan) {
  auto text = plan.title;
  for (const auto& step : plan.steps) {
    text += fmt::format("\n{}. {}", step.id, step.title);
    if (step.status != StepStatus::pending) text += fmt::format(" ({})", json::name_of(step.status));
    if (step.note) text += ": " + *step.note;
  }
  return text;
}

}  // namespace isa::sdk
