#include "sdk/team/swarm.h"

#include "sdk/team/bounded.h"
#include "sdk/team/directive.h"
#include "sdk/team/prompts.h"
#include "sdk/tools/typed_tool.h"

#include <algorithm>

namespace isa::sdk::team {
namespace {

constexpr std::size_t kCycleTimes = 3;

struct HandoffArguments {
  std::string agent;
  std::optional<std::string> reason;
  std::optional<std::string> context;
};
BOOST_DESCRIBE_STRUCT(HandoffArguments, (), (agent, reason, context))

class Swarm {
 public:
  Swarm(const TeamSpec& team, TeamRequest request, MemberRunner& runner, SharedState& shared,
        SwarmState& state, EventSink sink)
      : team_(team),
        request_(std::move(request)),
        runner_(runner),
        shared_(shared),
        state_(state),
        sink_(std::move(sink)),
        current_(team.find(state.current)) {}

  Task<Result<TeamOutcome>> run();

 private:
  // One turn of the current agent, or the rest of one that waited. What it wants to be next stands in
  // state_.next.
  Task<Result<void>> take_turn();
  Task<Result<void>> begin_turn();
  Task<Result<void>> show(Event event);
  Task<Result<void>> pass(Event event);
  Task<Result<void>> announce_turn();
  Task<Result<void>> announce(HandoffResult handoff);
  void read_answer(MemberAnswer answer);
  // Goes on to whoever comes next; false when a limit ends the run.
  Task<Result<bool>> move_on();
  // The name of the limit that handing over to `to` would pass, or "".
  std::string limit_met(const Member& to) const;

  MemberTurn turn();
  RemoteTool handoff_tool();
  Task<RemoteAnswer> hand_over(json::object arguments);
  // The member that is meant, or why there is none.
  Result<const Member*> target(std::string_view name) const;
  std::string others() const;
  TeamOutcome finished();

  const TeamSpec& team_;
  TeamRequest request_;
  MemberRunner& runner_;
  SharedState& shared_;
  SwarmState& state_;
  EventSink sink_;
  const Member* current_;
  DirectiveScanner scanner_;
  std::string subtype_ = "success";
  std::string limit_;  // That ended the run.
  std::string reply_;  // Of the last turn.
};

Task<Result<TeamOutcome>> Swarm::run() {
  for (;;) {
    ISA_CO_TRYV(co_await take_turn());
    if (state_.waiting) {
      TeamOutcome outcome;
      outcome.is_waiting = true;
      co_return outcome;
    }
    if (subtype_ != "success" || !state_.next) co_return finished();
    ISA_CO_TRY(const bool goes_on, co_await move_on());
    if (!goes_on) co_return finished();
  }
}

Task<Result<void>> Swarm::begin_turn() {
  ++state_.step;
  ++state_.visits[current_->name];
  state_.next.reset();
  return announce_turn();
}

Task<Result<void>> Swarm::take_turn() {
  scanner_ = DirectiveScanner();  // What was said before a turn waits is clear: a tool call came after it.
  if (!state_.waiting) ISA_CO_TRYV(co_await begin_turn());
  EventSink sink = [this](Event event) { return show(std::move(event)); };
  auto wanted = turn();
  if (team_.members.size() > 1) wanted.tools.push_back(handoff_tool());
  ISA_CO_TRY(auto answer, co_await runner_.run(current_->name, std::move(wanted), std::move(sink)));
  auto rest = scanner_.finish();
  if (!rest.text.empty()) {
    auto event = text_event(std::move(rest.text));
    ISA_CO_TRYV(co_await pass(std::move(event)));
  }
  state_.usage += answer.usage;
  state_.waiting = std::move(answer.waiting);
  if (state_.waiting) co_return ok();
  if (answer.error) co_return Failure(*std::move(answer.error));
  read_answer(std::move(answer));
  co_return ok();
}

Task<Result<void>> Swarm::pass(Event event) {
  event.metadata["agent"] = current_->name;
  return sink_(std::move(event));
}

// Text is shown once it is clear that it is no directive. A reply goes on only until the next tool call: what
// stood before that was no end of anything.
Task<Result<void>> Swarm::show(Event event) {
  if (event.type == EventType::text) {
    auto text = scanner_.feed(event.content.value_or(""));
    if (text.empty()) co_return ok();
    event.content = std::move(text);
  } else if (event.type == EventType::tool_use) {
    auto rest = scanner_.finish();
    if (!rest.text.empty()) {
      auto text = text_event(std::move(rest.text));
      ISA_CO_TRYV(co_await pass(std::move(text)));
    }
  }
  co_return co_await pass(std::move(event));
}

Task<Result<void>> Swarm::announce_turn() {
  Event event{EventType::system, fmt::format("The agent '{}' works on it.", current_->name), {}};
  event.metadata["event"] = "swarm_agent_start";
  event.metadata["step"] = state_.step;
  return pass(std::move(event));
}

Task<Result<void>> Swarm::announce(HandoffResult handoff) {
  Event event{EventType::system, "", {}};
  event.content = handoff.accepted ? fmt::format("'{}' hands over to '{}'.", handoff.from, handoff.to)
                                   : fmt::format("'{}' could not hand over to '{}': {}", handoff.from,
                                                 handoff.to, handoff.reason);
  event.metadata = {{"event", "swarm_handoff"}, {"from_agent", handoff.from}, {"to_agent", handoff.to},
                    {"reason", handoff.reason}, {"step", handoff.step},       {"accepted", handoff.accepted}};
  state_.handoff_trace.push_back(std::move(handoff));
  return pass(std::move(event));
}

void Swarm::read_answer(MemberAnswer answer) {
  subtype_ = answer.subtype;
  auto& memory = state_.memories[current_->name];
  std::ranges::move(answer.new_messages, std::back_inserter(memory));
  auto reply = read_reply(answer.text);
  reply_ = reply.text;
  if (!reply.text.empty()) {
    state_.agent_outputs[current_->name] = reply.text;
    state_.last_answer = reply.text;
    state_.last_speaker = current_->name;
  }
  if (state_.next) {  // The tool was called: what the reply says besides is context.
    if (state_.next->context.empty()) state_.next->context = std::move(reply.text);
    return;
  }
  if (!reply.directive || reply.directive->kind == Directive::Kind::complete) return;
  state_.next =
      Handoff{current_->name, reply.directive->target, reply.directive->reason, std::move(reply.text)};
}

Task<Result<bool>> Swarm::move_on() {
  const auto to = target(state_.next->to);
  HandoffResult handoff{current_->name, state_.next->to, state_.next->reason, state_.step, to.has_value()};
  const Member& next = to ? **to : *current_;
  state_.moves.emplace_back(current_->name, next.name);
  limit_ = limit_met(next);
  if (!to)
    handoff.reason = to.error().message();
  else if (!limit_.empty())
    handoff.reason = fmt::format("the limit {} is reached", limit_);
  handoff.accepted = to && limit_.empty();
  ISA_CO_TRYV(co_await announce(std::move(handoff)));
  if (!limit_.empty()) co_return false;
  state_.prompt = to ? handoff_prompt(request_.message, *state_.next)
                     : refused_prompt(request_.message, to.error().message());
  current_ = &next;
  state_.current = next.name;
  co_return true;
}

std::string Swarm::limit_met(const Member& to) const {
  if (std::cmp_greater(state_.moves.size(), team_.max_handoffs)) return "max_handoffs";
  const auto visits = state_.visits.find(to.name);
  if (visits != state_.visits.end() && visits->second >= team_.max_visits) return "max_visits";
  return repeated_cycle(state_.moves, kCycleTimes) > 0 ? "handoff_cycle" : "";
}

MemberTurn Swarm::turn() {
  MemberTurn turn;
  turn.agent = current_->agent;
  const auto protocol = handoff_protocol(team_, current_->name);
  if (!protocol.empty())
    turn.agent.system_prompt += (turn.agent.system_prompt.empty() ? "" : "\n\n") + protocol;
  turn.prompt = state_.prompt;
  turn.history = request_.history;
  if (const auto memory = state_.memories.find(current_->name); memory != state_.memories.end())
    turn.history.insert(turn.history.end(), memory->second.begin(), memory->second.end());
  turn.tools = shared_.tools();
  turn.resumed = std::exchange(state_.waiting, std::nullopt);
  return turn;
}

RemoteTool Swarm::handoff_tool() {
  return {make_tool_spec("handoff", "Lets another agent of this team go on; your turn ends with it.", R"({
      "type": "object", "additionalProperties": false, "required": ["agent", "reason"],
      "properties": {
        "agent": {"type": "string", "description": "The name of the agent"},
        "reason": {"type": "string", "description": "Why it should go on"},
        "context": {"type": "string", "description": "What it must know of your work so far"}}})"),
          [this](json::object arguments) { return hand_over(std::move(arguments)); }};
}

Task<RemoteAnswer> Swarm::hand_over(json::object arguments) {
  RemoteAnswer answer;
  const auto wanted = json::read<HandoffArguments>(arguments);
  if (!wanted) {
    answer.output = tool_failure(wanted.error());
    co_return answer;
  }
  if (state_.next) {
    answer.output = tool_failure(conflict("you already hand over to '{}'", state_.next->to));
    co_return answer;
  }
  const auto to = target(wanted->agent);
  if (!to) {
    answer.output = tool_failure(to.error());
    HandoffResult refused{current_->name, cut_end(wanted->agent, 128), to.error().message(), state_.step,
                          false};
    std::ignore =
        co_await announce(std::move(refused));  // Where nobody listens, the next event ends the run.
    co_return answer;
  }
  state_.next =
      Handoff{current_->name, (*to)->name, wanted->reason.value_or(""), wanted->context.value_or("")};
  answer.output.text = fmt::format("'{}' goes on.", (*to)->name);
  answer.ends_turn = true;
  co_return answer;
}

Result<const Member*> Swarm::target(std::string_view name) const {
  if (name == current_->name)
    return validation_error("'{}' is you; the other agents are: {}", name, others());
  if (const auto* member = team_.find(name)) return member;
  return validation_error("there is no agent '{}'; the other agents are: {}", cut_end(name, 128), others());
}

std::string Swarm::others() const {
  std::string names;
  for (const auto& member : team_.members)
    if (&member != current_) names += (names.empty() ? "" : ", ") + member.name;
  return names.empty() ? "none" : names;
}

TeamOutcome Swarm::finished() {
  const auto& last = state_.last_answer;
  TeamOutcome outcome;
  outcome.subtype = limit_.empty() ? subtype_ : "error_max_handoffs";
  outcome.limit = limit_;
  outcome.text = limit_.empty() ? reply_ : last;
  outcome.final_agent = limit_.empty() || state_.last_speaker.empty() ? current_->name : state_.last_speaker;
  if (!limit_.empty() && last.empty())
    outcome.text = fmt::format("No agent of the team answered before its limit ({}) was reached.", limit_);
  outcome.handoff_trace = state_.handoff_trace;
  outcome.agent_outputs = state_.agent_outputs;
  outcome.shared_state = shared_.entries();
  outcome.usage = state_.usage;
  return outcome;
}

}  // namespace

std::size_t repeated_cycle(const std::vector<std::pair<std::string, std::string>>& handoffs,
                           std::size_t times) {
  for (std::size_t length = 1; length * times <= handoffs.size(); ++length) {
    const auto end = handoffs.end();
    const auto begin = end - static_cast<std::ptrdiff_t>(length * times);
    if (std::equal(begin + static_cast<std::ptrdiff_t>(length), end, begin)) return length;
  }
  return 0;
}

Task<Result<TeamOutcome>> run_swarm(const TeamSpec& team, TeamRequest request, MemberRunner& runner,
                                    SharedState& shared, SwarmState& state, EventSink sink) {
  Swarm swarm(team, std::move(request), runner, shared, state, std::move(sink));
  co_return co_await swarm.run();
}

}  // namespace isa::sdk::team
