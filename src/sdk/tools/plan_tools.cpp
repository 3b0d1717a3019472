#include "sdk/tools/families.h"
#include "sdk/tools/file_content.h"
#include "sdk/tools/plan.h"

#include <algorithm>
#include <charconv>

namespace isa::sdk {
namespace {

constexpr const char* kFolder = ".isa";
constexpr const char* kFile = ".isa/plan.json";

struct NewStep {
  std::string title;
  std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(NewStep, (), (title, note))

struct CreateArguments {
  std::string title;
  std::vector<NewStep> steps;
};
BOOST_DESCRIBE_STRUCT(CreateArguments, (), (title, steps))

struct StepChange {
  std::string id;
  std::optional<StepStatus> status;
  std::optional<std::string> title;
  std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(StepChange, (), (id, status, title, note))

struct UpdateArguments {
  std::optional<std::string> title;
  std::optional<std::vector<StepChange>> steps;
  std::optional<std::vector<NewStep>> add_steps;
};
BOOST_DESCRIBE_STRUCT(UpdateArguments, (), (title, steps, add_steps))

// One above every number that an id of the plan is.
std::uint32_t next_id(const Plan& plan) {
  std::uint32_t next = 1;
  for (const auto& step : plan.steps) {
    std::uint32_t number = 0;
    const auto [end, failed] = std::from_chars(step.id.data(), step.id.data() + step.id.size(), number);
    if (failed == std::errc() && end == step.id.data() + step.id.size() && number < 1'000'000'000)
      next = std::max(next, number + 1);
  }
  return next;
}

void add_steps(Plan& plan, const std::vector<NewStep>& steps) {
  auto id = next_id(plan);
  for (const auto& step : steps)
    plan.steps.push_back({.id = std::to_string(id++), .title = step.title, .note = step.note});
}

Result<ToolOutput> keep(const Workspace& workspace, const Plan& plan) {
  ISA_TRYV(check_plan(plan));
  ISA_TRYV(workspace.make_folders(kFolder));
  auto text = plan_text(plan);
  if (text.size() > kPlanFileMax)
    return validation_error("the plan would be larger than {} kB; shorten its notes", kPlanFileMax >> 10);
  ISA_TRYV(write_whole(workspace, kFile, text));
  return ToolOutput{.text = std::move(text)};
}

Result<Plan> load(const Workspace& workspace) {
  const auto text = read_whole(workspace, kFile);
  if (!text && text.error().kind() == ErrorKind::not_found)
    return not_found("there is no plan yet; make one with create_plan");
  if (!text) return Failure(Error(text.error()));
  auto plan = parse_plan(*text);
  if (!plan)
    return validation_error("the file {} is no plan any more ({}); create_plan replaces it", kFile,
                            plan.error().message());
  return plan;
}

Plan made_of(const CreateArguments& from) {
  Plan plan{.title = from.title, .steps = {}};
  add_steps(plan, from.steps);
  return plan;
}

Result<std::string> outlined(const Plan& plan) {
  ISA_TRYV(check_plan(plan));
  return plan_outline(plan);
}

Result<std::string> show_new(const Workspace&, const CreateArguments& from) {
  return outlined(made_of(from));
}

Result<ToolOutput> create_plan(const Workspace& workspace, const CreateArguments& from, Deadline) {
  return keep(workspace, made_of(from));
}

Result<Plan> updated(const Workspace& workspace, const UpdateArguments& from) {
  if (!from.title && !from.steps && !from.add_steps)
    return validation_error("nothing to change: give title, steps or add_steps");
  ISA_TRY(auto plan, load(workspace));
  if (from.title) plan.title = *from.title;
  for (const auto& change : from.steps.value_or(std::vector<StepChange>())) {
    const auto step = std::ranges::find(plan.steps, change.id, &PlanStep::id);
    if (step == plan.steps.end())
      return not_found("/steps: the plan has no step '{}'; it is: {}", change.id, plan_text(plan));
    if (change.status) step->status = *change.status;
    if (change.title) step->title = *change.title;
    if (change.note) step->note = change.note->empty() ? std::nullopt : change.note;
  }
  if (from.add_steps) add_steps(plan, *from.add_steps);
  return plan;
}

Result<std::string> show_update(const Workspace& workspace, const UpdateArguments& from) {
  ISA_TRY(const auto plan, updated(workspace, from));
  return outlined(plan);
}

Result<ToolOutput> update_plan(const Workspace& workspace, const UpdateArguments& from, Deadline) {
  ISA_TRY(const auto plan, updated(workspace, from));
  return keep(workspace, plan);
}

}  // namespace

void add_plan_tools(Tools& to, const std::shared_ptr<FileWork>& work) {
  using Create = FileTool<CreateArguments>;
  using Update = FileTool<UpdateArguments>;
  to.push_back(std::make_shared<Create>(
      make_tool_spec("create_plan",
                     "Writes down a plan of what is to be done, in the place of any earlier one, and returns "
                     "it. It is kept for the later turns of this conversation.",
                     R"({
        "type": "object", "additionalProperties": false, "required": ["title", "steps"],
        "properties": {
          "title": {"type": "string", "maxLength": 500},
          "steps": {"type": "array", "minItems": 1, "maxItems": 100, "items": {
            "type": "object", "additionalProperties": false, "required": ["title"],
            "properties": {"title": {"type": "string", "maxLength": 500},
                           "note": {"type": "string", "maxLength": 2000}}}}}})"),
      Create::Access::writes, create_plan, work, show_new));
  to.push_back(std::make_shared<Update>(
      make_tool_spec("update_plan",
                     "Changes steps of the plan, or adds some at its end, and returns all of it.",
                     R"({
        "type": "object", "additionalProperties": false,
        "properties": {
          "title": {"type": "string", "maxLength": 500},
          "steps": {"type": "array", "items": {
            "type": "object", "additionalProperties": false, "required": ["id"],
            "properties": {
              "id": {"type": "string"},
              "status": {"enum": ["pending", "in_progress", "done", "skipped", "failed"]},
              "title": {"type": "string", "maxLength": 500},
              "note": {"type": "string", "maxLength": 2000, "description": "Empty: none"}}}},
          "add_steps": {"type": "array", "items": {
            "type": "object", "additionalProperties": false, "required": ["title"],
            "properties": {"title": {"type": "string", "maxLength": 500},
                           "note": {"type": "string", "maxLength": 2000}}}}}})"),
      Update::Access::writes, update_plan, work, show_update));
}

}  // namespace isa::sdk
