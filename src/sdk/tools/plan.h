// The plan of a session: what the agent means to do, step by step, and how far it is.
//
// It is the file .isa/plan.json of the workspace, so that the next turn finds it, and a person can read it.
// What runs in the sandbox may have written anything there: it is read as strictly as what a model sends.
#pragma once

#include "base/json.h"

#include <string>
#include <vector>

namespace isa::sdk {

enum class StepStatus { pending, in_progress, done, skipped, failed };
BOOST_DESCRIBE_ENUM(StepStatus, pending, in_progress, done, skipped, failed)

struct PlanStep {
  std::string id;  // "1", "2", ...: never used again within a plan.
  std::string title;
  StepStatus status = StepStatus::pending;
  std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(PlanStep, (), (id, title, status, note))

struct Plan {
  std::string title;
  std::vector<PlanStep> steps;
};
BOOST_DESCRIBE_STRUCT(Plan, (), (title, steps))

inline constexpr std::size_t kPlanIdMax = 20;  // Bytes.
inline constexpr std::size_t kPlanStepsMax = 100;
inline constexpr std::size_t kPlanTitleMax = 500;       // Bytes; of the plan and of each step.
inline constexpr std::size_t kPlanNoteMax = 2000;       // Bytes.
inline constexpr std::size_t kPlanFileMax = 512 << 10;  // Bytes.

// What a plan must keep to, whoever made it: validation_error with the pointer of what does not.
Result<void> check_plan(const Plan& plan);

// Of the text of the file. An error says what is wrong with it.
Result<Plan> parse_plan(std::string_view text);
// As one line of JSON: what the tools answer, and what parse_plan() reads.
std::string plan_text(const Plan& plan);
// As a person reads it, one line for each step.
std::string plan_outline(const Plan& plan);

}  // namespace isa::sdk
