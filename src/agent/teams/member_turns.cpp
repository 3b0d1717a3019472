#include "agent/teams/member_turns.h"

#include "base/log.h"

#include <algorithm>

namespace isa::agent {
namespace {

constexpr std::size_t kIdMax = 128;  // Bytes of an id.

// What of a member's events the team's run shows. The platform's own words are not a member's to say.
bool is_shown(const sdk::Event& event) {
  if (event.is_terminal() || event.type == sdk::EventType::session_start ||
      event.type == sdk::EventType::session_end)
    return false;
  const auto* name = event.type == sdk::EventType::system ? event.metadata.if_contains("event") : nullptr;
  const auto* text = name ? name->if_string() : nullptr;
  return !text || !(text->starts_with("dag_") || text->starts_with("swarm_"));
}

void read_terminal(const sdk::Event& event, sdk::team::MemberAnswer& answer) {
  const auto string_in = [&](std::string_view key) {
    const auto* found = event.metadata.if_contains(key);
    return found && found->is_string() ? std::string(found->get_string()) : std::string();
  };
  if (event.type == sdk::EventType::error) {
    answer.subtype.clear();
    auto code = string_in("code");
    answer.error = upstream_error("{}", event.content.value_or("the agent failed without saying why"))
                       .with_code(code.empty() ? "agent_error" : std::move(code));
    return;
  }
  auto subtype = string_in("subtype");
  answer.subtype = subtype.empty() ? "success" : std::move(subtype);
  answer.text = event.content.value_or("");
}

std::string tool_of(const std::vector<sdk::Message>& messages, const std::string& call) {
  for (const auto& message : messages)
    for (const auto& part : message.parts)
      if (part.kind == sdk::PartKind::tool_call && part.id == call) return part.name;
  return "";
}

}  // namespace

Result<SessionId> own_session(const SessionId& session, std::string_view member) {
  std::string name(member);
  std::ranges::replace_if(
      name,
      [](char c) {
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        return !is_plain && c != '-' && c != '_' && c != '.';
      },
      '_');
  auto id = fmt::format("{}/{}", session.value(), name);
  // Two names may look alike by now; what tells them apart is how they were written.
  if (name != member)
    id += fmt::format("/{:08x}", static_cast<std::uint32_t>(std::hash<std::string_view>()(member)));
  if (id.size() > kIdMax)
    return validation_error(
               "the session's id is too long for members with a sandbox of their own; choose one of "
               "at most {} characters",
               session.value().size() - (id.size() - kIdMax))
        .with_param("/session_id");
  return SessionId(std::move(id));
}

Task<Result<sdk::team::MemberAnswer>> MemberTurns::run(std::string member, sdk::team::MemberTurn turn,
                                                       sdk::EventSink sink) {
  sdk::team::MemberAnswer answer;
  if (is_out_of_tokens()) {
    answer.subtype = "error_budget";
    co_return answer;
  }
  ISA_CO_TRY(auto placed, place(member, turn));
  TurnExecutor* const executor = places_.at(team_turn_.team->places.at(member).env);
  sdk::EventSink keep = [&](sdk::Event event) -> Task<Result<void>> {
    if (event.is_terminal()) read_terminal(event, answer);
    if (!is_shown(event)) co_return ok();
    co_return co_await sink(std::move(event));
  };
  ISA_CO_TRYV(co_await run_parts(*executor, std::move(placed), turn.tools, keep, answer));
  co_return answer;
}

// The parts of a member's turn: between two of them the team answers the calls of its own tools.
Task<Result<void>> MemberTurns::run_parts(TurnExecutor& executor, Turn placed,
                                          const std::vector<sdk::team::RemoteTool>& tools,
                                          const sdk::EventSink& sink, sdk::team::MemberAnswer& answer) {
  for (const auto& tool : tools) placed.agent.platform_tools.push_back(tool.spec);
  // The usage of a part counts those before it; what was used counts also when the next part is cut off.
  struct Counter {
    MemberTurns& turns;
    TurnRecord record = {};
    ~Counter() { turns.count(record); }
  } counted{*this};
  for (;;) {
    TurnRecord record;
    auto ran = co_await executor.run(placed, sink, record);
    if (record.usage) counted.record.usage = record.usage;
    if (!ran) co_return ran;
    answer.usage = record.usage.value_or(sdk::Usage{});
    if (record.new_messages) answer.new_messages = *std::move(record.new_messages);
    if (record.pending.empty()) co_return ok();
    sdk::Resumption next{.new_messages = answer.new_messages, .answers = {}, .progress = record.progress};
    bool ends_turn = false;
    for (auto& call : record.pending) {
      auto answered = co_await answer_call(std::move(call), tools, ends_turn);
      next.answers.push_back(std::move(answered));
    }
    if (ends_turn) co_return co_await end_turn(std::move(next), sink, answer);
    placed.resumption = std::move(next);
  }
}

Task<sdk::CallAnswer> MemberTurns::answer_call(sdk::PendingCall call,
                                               const std::vector<sdk::team::RemoteTool>& tools,
                                               bool& ends_turn) {
  sdk::CallAnswer answer{.tool_use_id = call.tool_use_id};
  const auto tool = std::ranges::find_if(
      tools, [&](const sdk::team::RemoteTool& one) { return one.spec.name == call.tool; });
  if (call.reason == sdk::PendingReason::deferred && !ends_turn) {
    answer.run = true;
  } else if (call.reason == sdk::PendingReason::platform_tool && tool != tools.end()) {
    auto remote = co_await tool->call(std::move(call.args));
    answer.text = std::move(remote.output.text);
    answer.is_error = remote.output.is_error;
    ends_turn = ends_turn || remote.ends_turn;
  } else {
    answer.text =
        ends_turn ? "It was not run: the turn ended before it."
                  : "This call needs a person's decision, and in a team nobody is asked. Go on without it.";
    answer.is_error = true;
  }
  co_return answer;
}

// Without asking the model again: the answers stand in the history, and their events are sent.
Task<Result<void>> MemberTurns::end_turn(sdk::Resumption at, const sdk::EventSink& sink,
                                         sdk::team::MemberAnswer& answer) {
  for (auto& given : at.answers) {
    if (given.run) given.text = "It was not run: the turn ended before it.";
    for (auto& message : answer.new_messages) {
      for (auto& part : message.parts) {
        if (part.kind != sdk::PartKind::tool_result || part.id != given.tool_use_id) continue;
        part.text = given.text;
        part.is_error = given.is_error;
      }
    }
    sdk::Event event{sdk::EventType::tool_result, given.text, {}};
    event.metadata["tool_use_id"] = given.tool_use_id;
    event.metadata["tool"] = tool_of(answer.new_messages, given.tool_use_id);
    event.metadata["is_error"] = given.is_error;
    event.metadata["duration_ms"] = 0;
    event.metadata["truncated"] = false;
    ISA_CO_TRYV(co_await sink(std::move(event)));
  }
  answer.subtype = "success";
  if (answer.new_messages.size() >= 2)
    answer.text = answer.new_messages[answer.new_messages.size() - 2].text();
  co_return ok();
}

Result<Turn> MemberTurns::place(const std::string& member, sdk::team::MemberTurn& turn) const {
  const auto& where = team_turn_.team->places.at(member);
  if (!places_.contains(where.env))
    return not_implemented("this platform cannot run agents with env {}", json::name_of(where.env));
  auto placed = team_turn_;
  placed.team.reset();
  if (team_turn_.team->spec.find(member)->sandbox == sdk::team::MemberSandbox::own) {
    ISA_TRY(placed.session, own_session(team_turn_.session, member));
  }
  placed.agent_id = where.agent_id ? where.agent_id : team_turn_.agent_id;
  placed.env = where.env;
  placed.agent = std::move(turn.agent);
  placed.history = std::move(turn.history);
  placed.message = std::move(turn.prompt);
  if (where.agent_id) placed.egress = where.egress;
  return placed;
}

void MemberTurns::count(const TurnRecord& of) {
  if (!of.usage) return;
  if (!record_.usage) record_.usage.emplace();
  *record_.usage += *of.usage;
}

bool MemberTurns::is_out_of_tokens() const {
  const auto& max = team_turn_.team->max_tokens;
  return max && record_.usage && record_.usage->input_tokens + record_.usage->output_tokens >= *max;
}

}  // namespace isa::agent
