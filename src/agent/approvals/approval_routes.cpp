#include "agent/approvals/approval_routes.h"

#include "agent/paging.h"
#include "sdk/approval_pattern.h"

#include <algorithm>

namespace isa::agent {
namespace {

using store::Approval;
using store::ApprovalKind;
using store::ApprovalState;

constexpr std::size_t kTextMax = 64 << 10;  // Bytes.

enum class Verdict { approve, deny, edit };
BOOST_DESCRIBE_ENUM(Verdict, approve, deny, edit)

struct Decision {
  Verdict decision;
  std::optional<json::object> args;   // edit: what the call is run with instead.
  std::optional<std::string> text;    // The answer to a question, or a word to the agent.
  std::optional<std::string> always;  // approve: a pattern of calls that need no question any more.
};
BOOST_DESCRIBE_STRUCT(Decision, (), (decision, args, text, always))

bool asks_for_text(const Approval& question) {
  return question.kind == ApprovalKind::input || question.kind == ApprovalKind::choice ||
         question.kind == ApprovalKind::tool;
}

Result<void> check_text(const Decision& body, const Approval& question) {
  if (body.text && body.text->size() > kTextMax)
    return validation_error("/text: at most {} kB", kTextMax >> 10).with_param("/text");
  if (body.decision != Verdict::approve || !asks_for_text(question)) return ok();
  if (!body.text)
    return validation_error("/text: this question wants an answer in words").with_param("/text");
  if (question.kind == ApprovalKind::choice &&
      std::ranges::find(question.options, *body.text) == question.options.end())
    return validation_error("/text: must be one of the options of the question").with_param("/text");
  return ok();
}

Result<void> check(const Decision& body, const Approval& question) {
  ISA_TRYV(check_text(body, question));
  const bool is_edit = body.decision == Verdict::edit;
  if (is_edit && !body.args)
    return validation_error("/args: an edit says with which arguments the call is run").with_param("/args");
  if (body.args && !is_edit)
    return validation_error("/args: only the decision 'edit' takes arguments").with_param("/args");
  if (is_edit && (asks_for_text(question) || question.tool == "request_authorization"))
    return validation_error("/decision: this question is answered by approve or deny")
        .with_param("/decision");
  if (!body.always) return ok();
  if (body.decision != Verdict::approve)
    return validation_error("/always: only the decision 'approve' can be kept").with_param("/always");
  if (asks_for_text(question) || question.tool == "request_authorization")
    return validation_error("/always: {} asks anew each time, whatever was said before", question.tool)
        .with_param("/always");
  if (!question.agent_config_id)
    return validation_error(
               "/always: this agent is not kept, so there is nothing that the rule could be of; keep it "
               "(POST /api/v1/agents/configs) and name its id")
        .with_param("/always");
  if (auto good = sdk::check_approval_pattern(*body.always); !good)
    return validation_error("/always: {}", good.error().message()).with_param("/always");
  if (!sdk::matches_approval_pattern(*body.always, question.subject, question.args, sdk::PatternUse::allows))
    return validation_error(
               "/always: the pattern would not allow the call that is asked about; one with other arguments "
               "than what it is about needs a pattern of all of them as JSON, or the name of the tool alone")
        .with_param("/always");
  return ok();
}

ApprovalState state_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::approve: return ApprovalState::approved;
    case Verdict::edit: return ApprovalState::edited;
    case Verdict::deny: return ApprovalState::denied;
  }
  return ApprovalState::denied;
}

Result<std::optional<ApprovalState>> state_asked(const net::Request& request) {
  const auto text = request.query_value("state");
  if (text.empty()) return ApprovalState::pending;
  if (text == "all") return std::nullopt;
  const auto state = json::enum_named<ApprovalState>(text);
  if (!state)
    return validation_error(
               "the query parameter 'state' is one of pending, approved, denied, edited, expired, "
               "cancelled and all")
        .with_param("state");
  return state;
}

}  // namespace

ApprovalRoutes::Answer ApprovalRoutes::list(net::Request& request) {
  ISA_CO_TRY(auto asked, page_asked(request));
  ISA_CO_TRY(const auto state, state_asked(request));
  ISA_CO_TRY(const auto page,
             co_await approvals_.list(request.identity, state, std::move(asked.cursor), asked.limit));
  co_return net::Response::json(200, page_body("approvals", page));
}

ApprovalRoutes::Answer ApprovalRoutes::of_run(net::Request& request) {
  const RunId run(request.param("id"));
  auto found = co_await runs_.find(request.identity, run);
  if (!found && found.error().kind() == ErrorKind::not_found)
    co_return not_found("run '{}' does not exist", run.value());
  if (!found) co_return std::move(found).error();
  ISA_CO_TRY(const auto questions, co_await approvals_.of_run(run));
  json::object body{{"approvals", json::write(questions)}};
  co_return net::Response::json(200, std::move(body));
}

ApprovalRoutes::Answer ApprovalRoutes::decide(net::Request& request) {
  const RunId run(request.param("id"));
  const ApprovalId id(request.param("request_id"));
  ISA_CO_TRY(auto body, json::parse_as<Decision>(request.body));
  ISA_CO_TRY(const auto question, co_await approvals_.find(request.identity, run, id));
  ISA_CO_TRYV(check(body, question));
  std::optional<store::Allowance> allowance;
  if (body.always) {
    allowance.emplace(AllowanceId::make(), question.owner_id, question.agent_config_id, *body.always, now());
    ISA_CO_TRYV(co_await check_room(request.identity, *allowance));
  }
  store::ApprovalDecision decision{.state = state_of(body.decision),
                                   .edited_args = std::move(body.args),
                                   .text = std::move(body.text),
                                   .by = request.identity.user,
                                   .at = now()};
  ISA_CO_TRY(const auto decided, co_await approvals_.decide(request.identity, run, id, std::move(decision)));
  if (const auto live = engine_.registry().find(run)) live->changed.notify();
  // Only a decision that stands can be kept: of a question that somebody else denied nothing is allowed.
  if (allowance) ISA_CO_TRYV(co_await approvals_.allow(*std::move(allowance)));
  co_return net::Response::json(200, json::write(decided));
}

// Before the decision: afterwards it could not be taken back.
Task<Result<void>> ApprovalRoutes::check_room(Identity caller, const store::Allowance& wanted) {
  ISA_CO_TRY(const auto kept, co_await approvals_.allowances(std::move(caller)));
  const bool is_kept = std::ranges::any_of(kept, [&](const store::Allowance& one) {
    return one.agent_config_id == wanted.agent_config_id && one.pattern == wanted.pattern;
  });
  if (!is_kept && std::cmp_greater_equal(kept.size(), store::ApprovalStore::kAllowancesMax))
    co_return conflict("there are {} rules already; remove one, or decide without 'always'", kept.size());
  co_return ok();
}

ApprovalRoutes::Answer ApprovalRoutes::allowances(net::Request& request) {
  ISA_CO_TRY(const auto rules, co_await approvals_.allowances(request.identity));
  json::object body{{"allowances", json::write(rules)}};
  co_return net::Response::json(200, std::move(body));
}

ApprovalRoutes::Answer ApprovalRoutes::disallow(net::Request& request) {
  const AllowanceId id(request.param("allowance_id"));
  ISA_CO_TRYV(co_await approvals_.disallow(request.identity, id));
  json::object body{{"id", id.value()}, {"deleted", true}};
  co_return net::Response::json(200, std::move(body));
}

}  // namespace isa::agent
