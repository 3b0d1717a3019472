#include "agent/approvals/questions.h"

#include "base/utf8.h"
#include "sdk/approval_pattern.h"
#include "sdk/tools/memory.h"
#include "sdk/tools/typed_tool.h"

#include <algorithm>

namespace isa::agent {
namespace {

using store::Approval;
using store::ApprovalKind;
using store::ApprovalState;

constexpr std::int64_t kTimeoutDefault = 1800;  // Seconds.
constexpr std::int64_t kTimeoutMax = 7L * 24 * 3600;
constexpr std::size_t kQuestionMax = 4000;  // Bytes.
constexpr std::size_t kOptionsMax = 20;
constexpr std::int64_t kCheckpointEvery = 3;  // Finished steps of a plan, where no rule says otherwise.

struct AskHuman {
  std::string question;
  std::optional<std::vector<std::string>> options;
  std::optional<std::string> default_answer;
  std::optional<std::int64_t> timeout_s;
};
BOOST_DESCRIBE_STRUCT(AskHuman, (), (question, options, default_answer, timeout_s))

struct RequestAuthorization {
  std::string action;
  std::optional<std::string> reason;
  std::optional<std::int64_t> timeout_s;
};
BOOST_DESCRIBE_STRUCT(RequestAuthorization, (), (action, reason, timeout_s))

sdk::CallAnswer refusal(const sdk::PendingCall& call, std::string text) {
  return {.tool_use_id = call.tool_use_id, .text = std::move(text), .is_error = true};
}

Result<void> check(std::string_view question, std::optional<std::int64_t> timeout_s) {
  if (question.empty()) return validation_error("the question is empty");
  if (question.size() > kQuestionMax)
    return validation_error("a question has at most {} bytes", kQuestionMax);
  if (timeout_s && (*timeout_s < 1 || *timeout_s > kTimeoutMax))
    return validation_error("/timeout_s: must be from 1 to {}", kTimeoutMax);
  return ok();
}

Result<void> fill_question(const sdk::PendingCall& call, Approval& to) {
  ISA_TRY(auto ask, json::read<AskHuman>(json::value(call.args)));
  ISA_TRYV(check(ask.question, ask.timeout_s));
  to.options = std::move(ask.options).value_or(std::vector<std::string>());
  if (to.options.size() > kOptionsMax) return validation_error("/options: at most {}", kOptionsMax);
  to.kind = to.options.empty() ? ApprovalKind::input : ApprovalKind::choice;
  to.question = std::move(ask.question);
  to.default_text = std::move(ask.default_answer);
  if (to.default_text) to.on_timeout = store::OnTimeout::default_;
  to.expires_at = to.created_at + std::chrono::seconds(ask.timeout_s.value_or(kTimeoutDefault));
  return ok();
}

Result<void> fill_authorization(const sdk::PendingCall& call, Approval& to) {
  ISA_TRY(auto ask, json::read<RequestAuthorization>(json::value(call.args)));
  ISA_TRYV(check(ask.action, ask.timeout_s));
  to.question = "The agent asks for permission: " + ask.action;
  if (ask.reason) to.question += " (" + ask.reason->substr(0, kQuestionMax) + ")";
  to.options = {"approve", "deny"};
  to.expires_at = to.created_at + std::chrono::seconds(ask.timeout_s.value_or(kTimeoutDefault));
  return ok();
}

// Of a tool call that waits by the agent's rules. The first rule that matches says how long.
void fill_approval(const Asker& asker, const sdk::PendingCall& call, Approval& to) {
  const bool is_plan = call.tool == "create_plan" || call.tool == "update_plan";
  if (is_plan) to.kind = ApprovalKind::review;
  to.question =
      is_plan ? "The agent shows its plan for review." : fmt::format("May the agent call {}?", call.subject);
  if (call.reason == sdk::PendingReason::checkpoint)
    to.question = "The agent has come to a checkpoint of its plan, and shows what is done. May it go on?";
  if (call.preview) to.question += fmt::format("\n\n{}", cut_utf8(*call.preview, kQuestionMax));
  to.options = {"approve", "edit", "deny"};
  auto timeout = std::chrono::seconds(kTimeoutDefault);
  const auto rule = std::ranges::find_if(asker.rules, [&](const store::ApprovalRule& r) {
    return sdk::matches_approval_pattern(r.match, call.subject, call.args, sdk::PatternUse::asks);
  });
  if (rule != asker.rules.end()) timeout = std::chrono::seconds(rule->timeout_s);
  to.expires_at = to.created_at + timeout;
}

// Of a tool that the caller's own program runs: its text is the result.
void fill_client_tool(const sdk::PendingCall& call, Approval& to) {
  to.kind = ApprovalKind::tool;
  to.question = fmt::format("The agent calls {}, which the caller's program runs.", call.tool);
  to.expires_at = to.created_at + std::chrono::seconds(kTimeoutDefault);
}

Approval blank(const Asker& asker, const sdk::PendingCall& call, Timestamp at) {
  Approval question;
  question.request_id = ApprovalId::make();
  question.run_id = asker.run;
  question.session_id = asker.session;
  question.owner_id = asker.owner;
  question.agent_config_id = asker.agent_id;
  question.agent = asker.agent;
  question.task_id = asker.task_id;
  question.tool_use_id = call.tool_use_id;
  question.tool = call.tool;
  question.subject = call.subject;
  question.args = call.args;
  question.created_at = at;
  return question;
}

void be_member(Asker& asker, const TeamPlan& team, const CallOrigin& origin) {
  const auto place = team.places.find(origin.member);
  if (place == team.places.end()) return;  // Asks nobody.
  if (place->second.agent_id) asker.agent_id = place->second.agent_id;
  asker.agent = origin.member;
  asker.task_id = origin.task_id;
  asker.mode = place->second.mode;
  asker.rules = place->second.approval_rules;
}

void add_member(sdk::Event& event, const RunOrder& order, const Approval& question) {
  if (!order.team) return;
  event.metadata["agent"] = question.agent;
  if (question.task_id) event.metadata["task_id"] = *question.task_id;
}

bool is_answered_by_text(const Approval& approval) {
  return approval.kind == ApprovalKind::tool || approval.tool == "ask_human" ||
         approval.tool == "request_authorization";
}

bool has_text(const Approval& decided) {
  return decided.text && !decided.text->empty();
}

// What the model is to know of a yes: its own words stand in the history, and may not be what was run.
std::string approved_text(const Approval& decided) {
  std::string text;
  if (decided.edited_args) {
    const auto args = json::serialize(*decided.edited_args);
    text = fmt::format("[A person changed the arguments before the call ran. It ran with: {}{}]",
                       cut_utf8(args, kQuestionMax), args.size() > kQuestionMax ? "..." : "");
  }
  if (has_text(decided))
    text +=
        fmt::format("{}[A person approved the call and wrote: {}]", text.empty() ? "" : "\n", *decided.text);
  return text;
}

std::string denied_text(const Approval& decided) {
  if (decided.kind == ApprovalKind::tool && decided.state == ApprovalState::denied)
    return decided.text.value_or("The call failed.");
  const bool is_late = decided.state == ApprovalState::expired;
  std::string text = is_late ? "Nobody decided in time; that counts as no." : "A person said no.";
  if (has_text(decided)) text += " They wrote: " + *decided.text;
  return text;
}

}  // namespace

void add_approvals(store::Mode mode, const std::vector<store::ApprovalRule>& rules, sdk::AgentSpec& agent) {
  bool is_plan_ruled = false;
  for (const auto& rule : rules) {
    is_plan_ruled = is_plan_ruled || rule.match == "update_plan";
    if (rule.every)
      agent.checkpoint_every = *rule.every;
    else
      agent.approvals.push_back(rule.match);
  }
  if (mode == store::Mode::REACTIVE) agent.checkpoint_every = 0;  // It asks nobody, and goes on.
  if (mode != store::Mode::COLLABORATIVE) return;
  agent.approvals.emplace_back("create_plan");
  if (!is_plan_ruled) agent.checkpoint_every = kCheckpointEvery;
}

void allow(sdk::AgentSpec& agent, const std::vector<store::Allowance>& allowances,
           const std::optional<AgentId>& agent_id) {
  if (agent.approvals.empty() && agent.checkpoint_every == 0) return;
  for (const auto& one : allowances)
    if (one.agent_config_id == agent_id) agent.always_allowed.push_back(one.pattern);
}

namespace {

// The platform tools that put a question to a person. Those of them that are among `allowed`, as a model is
// shown them.
std::vector<sdk::ToolSpec> question_tools(const std::vector<std::string>& allowed) {
  const std::vector<sdk::ToolSpec> all{
      sdk::make_tool_spec(
          "ask_human",
          "Asks the user a question and waits for the answer. Only for what you cannot find out or "
          "decide yourself.",
          R"({
        "type": "object", "additionalProperties": false, "required": ["question"],
        "properties": {
          "question": {"type": "string"},
          "options": {"type": "array", "items": {"type": "string"}, "maxItems": 20,
                      "description": "Answers to choose from"},
          "default_answer": {"type": "string", "description": "What counts when nobody answers in time"},
          "timeout_s": {"type": "integer", "minimum": 1, "maximum": 604800, "default": 1800}}})"),
      sdk::make_tool_spec(
          "request_authorization",
          "Asks the user for permission to do something that cannot be undone, costs money or "
          "reaches other people, and waits for the decision.",
          R"({
        "type": "object", "additionalProperties": false, "required": ["action"],
        "properties": {
          "action": {"type": "string", "description": "What you want to do"},
          "reason": {"type": "string"},
          "timeout_s": {"type": "integer", "minimum": 1, "maximum": 604800, "default": 1800}}})")};
  std::vector<sdk::ToolSpec> offered;
  for (const auto& spec : all)
    if (std::ranges::find(allowed, spec.name) != allowed.end()) offered.push_back(spec);
  return offered;
}

}  // namespace

void offer_questions(sdk::AgentSpec& agent) {
  for (auto& tool : question_tools(agent.tools)) {
    std::erase(agent.tools, tool.name);
    agent.platform_tools.push_back(std::move(tool));
  }
}

Asker asker_of(const RunOrder& order, const CallOrigin* origin) {
  Asker asker{.run = order.id,
              .session = order.session.id,
              .owner = order.identity.user,
              .agent_id = order.session.agent_config_id,
              .agent = order.agent.name,
              .task_id = {},
              .mode = order.team ? store::Mode::REACTIVE : order.mode,
              .rules = order.approval_rules,
              .client_tools = order.client_tools};
  if (order.team && origin) be_member(asker, *order.team, *origin);
  return asker;
}

Asker asker_of(const Turn& team_turn, const CallOrigin& origin) {
  Asker asker;
  asker.run = team_turn.run;
  asker.session = team_turn.session;
  asker.owner = team_turn.user;
  asker.agent_id = team_turn.agent_id;
  be_member(asker, *team_turn.team, origin);
  return asker;
}

Inquiry inquiry_of(const Asker& asker, sdk::PendingCall call, Timestamp at) {
  Inquiry inquiry;
  inquiry.call = std::move(call);
  const auto& pending = inquiry.call;
  if (pending.reason == sdk::PendingReason::deferred) {
    inquiry.answer = sdk::CallAnswer{.tool_use_id = pending.tool_use_id, .run = true};
    return inquiry;
  }
  const bool is_clients = std::ranges::find(asker.client_tools, pending.tool) != asker.client_tools.end();
  // What an agent remembers is asked of nobody: where it runs it is answered (agent/memory/).
  if (!is_clients && pending.reason == sdk::PendingReason::platform_tool &&
      sdk::is_memory_tool(pending.tool)) {
    inquiry.answer = sdk::CallAnswer{.tool_use_id = pending.tool_use_id, .run = true};
    return inquiry;
  }
  if (asker.mode == store::Mode::REACTIVE && !is_clients) {
    inquiry.answer = refusal(pending,
                             "This needs a person's decision, and this agent (mode REACTIVE) asks nobody. "
                             "Go on without it.");
    return inquiry;
  }
  auto question = blank(asker, pending, at);
  Result<void> filled = ok();
  if (is_clients)
    fill_client_tool(pending, question);
  else if (pending.reason == sdk::PendingReason::approval || pending.reason == sdk::PendingReason::checkpoint)
    fill_approval(asker, pending, question);
  else if (pending.tool == "ask_human")
    filled = fill_question(pending, question);
  else if (pending.tool == "request_authorization")
    filled = fill_authorization(pending, question);
  else
    filled = internal_error("{} cannot be run here", pending.tool);
  if (filled)
    inquiry.question = std::move(question);
  else
    inquiry.answer = refusal(pending, filled.error().message());
  return inquiry;
}

std::vector<Inquiry> inquiries_of(const RunOrder& order, std::vector<sdk::PendingCall> pending,
                                  const std::vector<CallOrigin>& origins, Timestamp at) {
  std::vector<Inquiry> inquiries;
  for (std::size_t i = 0; i < pending.size(); ++i) {
    const auto asker = asker_of(order, i < origins.size() ? &origins[i] : nullptr);
    inquiries.push_back(inquiry_of(asker, std::move(pending[i]), at));
  }
  return inquiries;
}

sdk::CallAnswer answer_of(const Approval& decided) {
  sdk::CallAnswer answer{.tool_use_id = decided.tool_use_id};
  const bool is_yes = decided.state == ApprovalState::approved || decided.state == ApprovalState::edited;
  if (!is_answered_by_text(decided)) {
    answer.run = is_yes;
    if (decided.state == ApprovalState::edited) answer.args = decided.edited_args;
    answer.text = is_yes ? approved_text(decided) : denied_text(decided);
    answer.is_error = !is_yes;
    return answer;
  }
  const bool falls_back = decided.state == ApprovalState::expired && decided.default_text;
  if (is_yes && decided.tool == "request_authorization" && decided.kind != ApprovalKind::tool)
    answer.text = "approved" + (has_text(decided) ? ". They wrote: " + *decided.text : std::string());
  else if (is_yes)
    answer.text = decided.text.value_or("approved");
  else if (falls_back)
    answer.text =
        fmt::format("Nobody answered in time; the default answer counts: {}", *decided.default_text);
  else
    answer.text = denied_text(decided);
  answer.is_error = !is_yes && !falls_back;
  return answer;
}

sdk::Event hil_request(const RunOrder& order, const Approval& question) {
  sdk::Event event{sdk::EventType::hil_request, question.question, {}};
  event.metadata["request_id"] = question.request_id.value();
  event.metadata["kind"] = json::name_of(question.kind);
  event.metadata["options"] = json::write(question.options);
  event.metadata["tool_use_id"] = question.tool_use_id;
  event.metadata["tool"] = question.tool;
  event.metadata["args"] = question.args;
  event.metadata["expires_at"] = json::write(question.expires_at);
  event.metadata["on_timeout"] = json::name_of(question.on_timeout);
  add_member(event, order, question);
  return event;
}

sdk::Event hil_decided(const RunOrder& order, const Approval& decided) {
  sdk::Event event{sdk::EventType::system, "", {}};
  event.content = fmt::format("{}: {}", decided.subject, json::name_of(decided.state));
  event.metadata["event"] = "hil.decided";
  event.metadata["request_id"] = decided.request_id.value();
  event.metadata["tool_use_id"] = decided.tool_use_id;
  event.metadata["state"] = json::name_of(decided.state);
  if (decided.edited_args) event.metadata["args"] = *decided.edited_args;
  add_member(event, order, decided);
  return event;
}

}  // namespace isa::agent
