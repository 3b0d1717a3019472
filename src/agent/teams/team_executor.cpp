#include "agent/teams/team_executor.h"

#include "agent/teams/member_turns.h"
#include "sdk/team/dag.h"
#include "sdk/team/swarm.h"

namespace isa::agent {
namespace {

using sdk::team::TeamOutcome;

Task<Result<TeamOutcome>> run_team(const sdk::team::TeamSpec& spec, sdk::team::TeamRequest request,
                                   sdk::team::MemberRunner& members, sdk::EventSink sink) {
  ISA_CO_TRY(auto shared, sdk::team::SharedState::from(spec.shared_state));
  if (!spec.runs_as_dag())
    co_return co_await sdk::team::run_swarm(spec, std::move(request), members, shared, std::move(sink));
  sdk::team::DagState state(spec.tasks);
  co_return co_await sdk::team::run_dag(spec, std::move(request), members, shared, state, std::move(sink));
}

sdk::Event result_of(const TeamOutcome& outcome) {
  sdk::Event event{sdk::EventType::result, outcome.text, sdk::team::details_of(outcome)};
  event.metadata["subtype"] = outcome.subtype;
  return event;
}

}  // namespace

Task<Result<void>> TeamExecutor::run(Turn turn, sdk::EventSink sink, TurnRecord& record) {
  const auto plan = turn.team;
  remember(turn.session, *plan);
  sdk::team::TeamRequest request{turn.message, std::move(turn.history)};
  MemberTurns members(places_, turn, record);
  ISA_CO_TRY(const auto outcome, co_await run_team(plan->spec, std::move(request), members, sink));
  std::vector<sdk::Message> said;
  said.push_back(sdk::Message::make(sdk::ChatRole::user, turn.message));
  if (!outcome.text.empty()) said.push_back(sdk::Message::make(sdk::ChatRole::assistant, outcome.text));
  record.new_messages = std::move(said);
  auto result = result_of(outcome);
  co_return co_await sink(std::move(result));
}

Task<void> TeamExecutor::forget(SessionId session) {
  const auto held = own_.extract(session);
  if (!held) co_return;
  for (const auto& own : held.mapped())
    for (const auto& [env, place] : places_) co_await place->forget(own);
}

void TeamExecutor::remember(const SessionId& session, const TeamPlan& plan) {
  std::set<SessionId> ids;
  for (const auto& member : plan.spec.members)
    if (member.sandbox == sdk::team::MemberSandbox::own)
      if (auto id = own_session(session, member.name)) ids.insert(*std::move(id));
  if (ids.empty()) return;
  if (own_.size() >= kOwnMax && !own_.contains(session)) own_.erase(own_.begin());
  own_[session].merge(ids);
}

}  // namespace isa::agent
