#include "agent/run_continuation.h"

#include "agent/teams/team_state.h"

namespace isa::agent {
namespace {

struct Document {
  store::ExecutionEnv env = store::ExecutionEnv::cloud_pool;
  store::Mode mode = store::Mode::REACTIVE;
  std::optional<OrgId> org;
  sdk::AgentSpec agent;
  std::vector<store::ApprovalRule> approval_rules;
  std::vector<std::string> client_tools;
  json::object metadata;
  std::vector<std::string> egress;
  json::array new_messages;
  sdk::TurnProgress progress;
  std::vector<sdk::PendingCall> pending;
  // Of a team alone.
  std::optional<TeamPlan> team;
  std::optional<json::object> team_state;
  std::optional<std::vector<CallOrigin>> origins;
};
BOOST_DESCRIBE_STRUCT(Document, (),
                      (env, mode, org, agent, approval_rules, client_tools, metadata, egress, new_messages,
                       progress, pending, team, team_state, origins))

}  // namespace

json::object write_continuation(const RunOrder& order, const TurnRecord& record,
                                const std::vector<sdk::PendingCall>& pending) {
  Document document{.env = order.env,
                    .mode = order.mode,
                    .org = order.org,
                    .agent = order.agent,
                    .approval_rules = order.approval_rules,
                    .client_tools = order.client_tools,
                    .metadata = order.metadata,
                    .egress = order.egress,
                    .new_messages = {},
                    .progress = record.progress,
                    .pending = pending,
                    .team = {},
                    .team_state = {},
                    .origins = {}};
  if (order.team) {
    document.team = *order.team;
    document.team_state = record.team_state;
    document.origins = record.origins;
    document.progress.usage = record.usage.value_or(sdk::Usage{});
  }
  if (record.new_messages) document.new_messages = sdk::to_json(*record.new_messages);
  return std::move(json::write(document).get_object());
}

Result<Continuation> read_continuation(const json::object& document, const store::Run& run,
                                       store::Session session) {
  ISA_TRY(auto from, json::read<Document>(json::value(document)));
  Continuation to;
  to.order.id = run.id;
  to.order.identity.user = run.owner_id;
  to.order.session = std::move(session);
  to.order.org = std::move(from.org);
  to.order.env = from.env;
  to.order.mode = from.mode;
  to.order.agent = std::move(from.agent);
  to.order.approval_rules = std::move(from.approval_rules);
  to.order.client_tools = std::move(from.client_tools);
  to.order.message = run.message;
  to.order.metadata = std::move(from.metadata);
  to.order.egress = std::move(from.egress);
  ISA_TRY(to.record.new_messages, sdk::messages_from_json(from.new_messages));
  to.record.usage = from.progress.usage;
  to.record.progress = from.progress;
  to.record.pending = std::move(from.pending);
  if (from.team) to.order.team = std::make_shared<const TeamPlan>(*std::move(from.team));
  to.record.team_state = std::move(from.team_state);
  to.record.origins = std::move(from.origins).value_or(std::vector<CallOrigin>());
  return to;
}

bool survives_a_crash(const json::object& document) {
  const auto* state = document.if_contains("team_state");
  return state && state->is_object() && has_tasks(state->get_object());
}

}  // namespace isa::agent
