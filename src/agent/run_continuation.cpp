#include "agent/run_continuation.h"

#include "agent/teams/team_state.h"

namespace isa::agent {
namespace {

// In whose name something is looked up. What an organization lets its members do, and no more: the roles of
// then are not kept, so nothing can be administered in a name that was stored.
struct Name {
  UserId user;
  std::vector<OrgId> orgs;
};
BOOST_DESCRIBE_STRUCT(Name, (), (user, orgs))

// Documents of older versions lack what came later.
struct OrderDocument {
  using json_defaults = void;
  store::ExecutionEnv env = store::ExecutionEnv::cloud_pool;
  store::Mode mode = store::Mode::REACTIVE;
  std::optional<OrgId> org;
  std::vector<OrgId> orgs;  // Of whoever asked, as it was then.
  sdk::AgentSpec agent;
  std::vector<store::ApprovalRule> approval_rules;
  std::vector<std::string> client_tools;
  json::object metadata;
  std::vector<std::string> egress;
  std::optional<std::vector<std::string>> skills;
  std::optional<Name> skills_of;
  std::optional<TeamPlan> team;
  std::optional<std::string> traceparent;
  std::optional<std::string> tracestate;
};
BOOST_DESCRIBE_STRUCT(OrderDocument, (),
                      (env, mode, org, orgs, agent, approval_rules, client_tools, metadata, egress, skills,
                       skills_of, team, traceparent, tracestate))

struct Document : OrderDocument {
  json::array new_messages;
  sdk::TurnProgress progress;
  sdk::Usage programs;
  std::vector<sdk::PendingCall> pending;
  std::vector<std::string> unheard;
  // Of a team alone.
  std::optional<json::object> team_state;
  std::vector<CallOrigin> origins;
};
BOOST_DESCRIBE_STRUCT(Document, (OrderDocument),
                      (new_messages, progress, programs, pending, unheard, team_state, origins))

Name name_of(const Identity& identity) {
  Name name{identity.user, {}};
  for (const auto& membership : identity.orgs) name.orgs.push_back(membership.org);
  return name;
}

Identity identity_of(Name name) {
  Identity identity{.user = std::move(name.user)};
  for (auto& org : name.orgs) identity.orgs.push_back({std::move(org), "member"});
  return identity;
}

// Those that were not there are said again when the run begins.
std::vector<std::string> names_of(const TurnSkills& skills) {
  std::vector<std::string> names;
  for (const auto& skill : skills.skills) names.push_back(skill.name);
  for (const auto& missing : skills.missing) names.push_back(missing.name);
  return names;
}

void fill(const RunOrder& order, OrderDocument& to) {
  to.env = order.env;
  to.mode = order.mode;
  to.org = order.org;
  to.orgs = name_of(order.identity).orgs;
  to.agent = order.agent;
  to.approval_rules = order.approval_rules;
  to.client_tools = order.client_tools;
  to.metadata = order.metadata;
  to.egress = order.egress;
  to.skills = names_of(order.skills);
  if (!order.skills.scope.user.empty()) to.skills_of = name_of(order.skills.scope);
  if (order.team) to.team = *order.team;
  if (order.trace.empty()) return;
  to.traceparent = order.trace.traceparent();
  to.tracestate = order.trace.tracestate();
}

Continuation taken_from(OrderDocument from, const store::Run& run, store::Session session) {
  Continuation to;
  auto& order = to.order;
  order.id = run.id;
  order.identity = identity_of({run.owner_id, std::move(from.orgs)});
  order.session = std::move(session);
  order.org = std::move(from.org);
  order.env = from.env;
  order.mode = from.mode;
  order.agent = std::move(from.agent);
  order.approval_rules = std::move(from.approval_rules);
  order.client_tools = std::move(from.client_tools);
  order.message = run.message;
  order.metadata = std::move(from.metadata);
  order.egress = std::move(from.egress);
  order.skills.scope = from.skills_of ? identity_of(*std::move(from.skills_of)) : order.identity;
  if (from.team) order.team = std::make_shared<const TeamPlan>(*std::move(from.team));
  if (from.traceparent) order.trace = TraceContext::written(*from.traceparent, from.tracestate.value_or(""));
  if (from.skills)
    to.skills = *std::move(from.skills);
  else
    for (const auto& skill : order.agent.skills) to.skills.push_back(skill.name);
  return to;
}

}  // namespace

json::object write_order(const RunOrder& order) {
  OrderDocument document;
  fill(order, document);
  return std::move(json::write(document).get_object());
}

json::object write_continuation(const LiveRun& run, const std::vector<sdk::PendingCall>& pending) {
  Document document;
  fill(run.order, document);
  if (run.record.new_messages) document.new_messages = sdk::to_json(*run.record.new_messages);
  document.progress = run.record.progress;
  document.programs = run.record.programs;
  document.pending = pending;
  for (const auto& word : run.unheard) document.unheard.push_back(word.text);
  if (run.order.team) {
    document.team_state = run.record.team_state;
    document.origins = run.record.origins;
    document.progress.usage = run.record.usage.value_or(sdk::Usage{});
  }
  return std::move(json::write(document).get_object());
}

Result<Continuation> read_order(const json::object& document, const store::Run& run, store::Session session) {
  ISA_TRY(auto from, json::read<OrderDocument>(json::value(document)));
  return taken_from(std::move(from), run, std::move(session));
}

Result<Continuation> read_continuation(const json::object& document, const store::Run& run,
                                       store::Session session) {
  ISA_TRY(auto from, json::read<Document>(json::value(document)));
  auto to = taken_from(std::move(static_cast<OrderDocument&>(from)), run, std::move(session));
  ISA_TRY(to.record.new_messages, sdk::messages_from_json(from.new_messages));
  to.record.usage = from.progress.usage;
  to.record.progress = from.progress;
  to.record.programs = from.programs;
  to.record.pending = std::move(from.pending);
  to.unheard = std::move(from.unheard);
  to.record.team_state = std::move(from.team_state);
  to.record.origins = std::move(from.origins);
  return to;
}

bool survives_a_crash(const json::object& document) {
  const auto* state = document.if_contains("team_state");
  return state && state->is_object() && has_tasks(state->get_object());
}

}  // namespace isa::agent
