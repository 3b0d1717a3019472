#include "agent/teams/team_executor.h"

#include "agent/approvals/questions.h"
#include "agent/teams/member_turns.h"
#include "agent/teams/team_state.h"
#include "agent/turn_recorder.h"
#include "sdk/team/dag.h"
#include "sdk/team/swarm.h"

namespace isa::agent {
namespace {

using sdk::team::Beginning;
using sdk::team::TeamOutcome;

Task<Result<TeamOutcome>> run_team(const sdk::team::TeamSpec& spec, sdk::team::TeamRequest request,
                                   sdk::team::MemberRunner& members, TeamState& state, sdk::EventSink sink,
                                   sdk::team::SaveState save) {
  if (state.swarm)
    return sdk::team::run_swarm(spec, std::move(request), members, state.shared, *state.swarm,
                                std::move(sink));
  return sdk::team::run_dag(spec, std::move(request), members, state.shared, *state.dag, std::move(sink),
                            std::move(save));
}

// All that people must decide on. The rest of what the members called stays with their turns.
void suspend(const Turn& turn, TeamState& state, TurnRecord& record) {
  record.pending.clear();
  record.origins.clear();
  for (const auto& [origin, waiting] : state.waiting()) {
    const auto asker = asker_of(turn, origin);
    for (const auto& call : waiting->pending) {
      if (!inquiry_of(asker, call, now()).question) continue;
      record.pending.push_back(call);
      record.origins.push_back(origin);
    }
  }
  state.is_asked = true;
  record.team_state = state.write();
}

sdk::Event result_of(const TeamOutcome& outcome) {
  sdk::Event event{sdk::EventType::result, outcome.text, sdk::team::details_of(outcome)};
  event.metadata["subtype"] = outcome.subtype;
  return event;
}

}  // namespace

// A run of a team that is under way here, and can be spoken to.
class TeamExecutor::Live {
 public:
  Live(std::map<RunId, MemberTurns*>& all, const RunId& run, MemberTurns& members)
      : all_(all), place_(all.insert_or_assign(run, &members).first) {}
  Live(const Live&) = delete;
  ~Live() { all_.erase(place_); }

 private:
  std::map<RunId, MemberTurns*>& all_;
  std::map<RunId, MemberTurns*>::iterator place_;
};

Task<Result<void>> TeamExecutor::run(Turn turn, sdk::EventSink sink, TurnRecord& record) {
  const auto plan = turn.team;
  remember(turn.session, *plan);
  sdk::team::TeamRequest request{turn.message, std::move(turn.history)};
  const auto written = std::exchange(turn.team_state, std::nullopt);
  ISA_CO_TRY(auto state,
             written ? TeamState::read(plan->spec, *written) : TeamState::begin(plan->spec, turn.message));
  if (turn.resumption) {
    request.beginning = Beginning::decided;
    state.decide(turn.origins, std::move(turn.resumption->answers));
  } else if (written) {
    request.beginning = Beginning::cut_off;
    state.cut_off();
  }
  MemberTurns members(places_, turn, record);
  const Live live(live_, turn.run, members);
  sdk::team::SaveState save;
  if (turn.keep) save = [&] { return turn.keep(state.write()); };
  sdk::EventSink keep = [&](sdk::Event event) {
    if (is_steered(event)) state.steered.push_back(*event.content);  // It belongs to the conversation.
    return sink(std::move(event));
  };
  auto team = run_team(plan->spec, std::move(request), members, state, std::move(keep), std::move(save));
  ISA_CO_TRY(const auto outcome, co_await std::move(team));
  if (outcome.is_waiting) {
    suspend(turn, state, record);
    co_return ok();
  }
  std::vector<sdk::Message> said;
  said.push_back(sdk::Message::make(sdk::ChatRole::user, turn.message));
  for (const auto& words : state.steered) said.push_back(sdk::Message::make(sdk::ChatRole::user, words));
  if (!outcome.text.empty()) said.push_back(sdk::Message::make(sdk::ChatRole::assistant, outcome.text));
  record.new_messages = std::move(said);
  auto result = result_of(outcome);
  co_return co_await sink(std::move(result));
}

Task<Result<void>> TeamExecutor::steer(SessionId, RunId run, std::string message) {
  const auto found = live_.find(run);
  if (found == live_.end())
    co_return conflict("no turn of this run is under way").with_code("turn_not_running");
  co_return co_await found->second->steer(std::move(message));
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
