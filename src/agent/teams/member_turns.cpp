#include "agent/teams/member_turns.h"

#include "sdk/loop_events.h"

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
  if (answer.text.empty()) answer.text = string_in("problem");
}

struct Decided {
  std::vector<sdk::CallAnswer> answers;
  bool ends_turn = false;
};

// What becomes of the calls that a turn was suspended at: the team's tools are run, in order, until one of
// them ends the turn.
Task<Decided> decide(const std::vector<sdk::team::RemoteTool>& tools,
                     const std::vector<sdk::PendingCall>& pending) {
  Decided decided;
  for (const auto& call : pending) {
    auto& answer = decided.answers.emplace_back();
    answer.tool_use_id = call.tool_use_id;
    const auto tool =
        std::ranges::find_if(tools, [&](const auto& one) { return one.spec.name == call.tool; });
    if (decided.ends_turn) {
      answer.text = "Not run: the turn ended before it.";
      answer.is_error = true;
    } else if (call.reason == sdk::PendingReason::deferred) {
      answer.run = true;
    } else if (call.reason == sdk::PendingReason::platform_tool && tool != tools.end()) {
      auto said = co_await tool->call(call.args);
      answer.text = std::move(said.output.text);
      answer.is_error = said.output.is_error;
      decided.ends_turn = said.ends_turn;
    } else {
      // The safe side: there is nobody in a team who could decide.
      answer.text = fmt::format("{} needs somebody's decision, and a team cannot ask for one; it was not run",
                                call.tool);
      answer.is_error = true;
    }
  }
  co_return decided;
}

// Gives the calls their results without asking the model again. Calls that were put off are not run either.
Task<Result<void>> end_there(Decided& decided, const std::vector<sdk::PendingCall>& pending,
                             std::vector<sdk::Message>& said, const sdk::EventSink& sink) {
  for (std::size_t i = 0; i < pending.size(); ++i) {
    auto& answer = decided.answers[i];
    if (answer.run) {
      answer.text = "Not run: the turn ended before it.";
      answer.is_error = true;
    }
    if (!said.empty())
      for (auto& part : said.back().parts)
        if (part.id == answer.tool_use_id) {
          part.text = answer.text;
          part.is_error = answer.is_error;
        }
    const auto call = sdk::Part::make_tool_call(pending[i].tool_use_id, pending[i].tool, "");
    auto event = sdk::tool_result_event(call, {.text = answer.text, .is_error = answer.is_error}, {});
    ISA_CO_TRYV(co_await sink(std::move(event)));
  }
  co_return ok();
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
  if (auto met = sdk::budget_met(team_turn_.team->budget(), record_.usage.value_or(sdk::Usage{}))) {
    answer.subtype = "error_budget";
    answer.text = std::move(met->problem);
    co_return answer;
  }
  const auto tools = std::move(turn.tools);
  ISA_CO_TRY(auto placed, place(member, turn));
  for (const auto& tool : tools) placed.agent.platform_tools.push_back(tool.spec);
  sdk::EventSink keep = [&](sdk::Event event) -> Task<Result<void>> {
    if (event.is_terminal()) read_terminal(event, answer);
    if (!is_shown(event)) co_return ok();
    co_return co_await sink(std::move(event));
  };
  TurnExecutor& executor = *places_.at(placed.env);
  for (;;) {
    TurnRecord part;
    auto next = placed;
    auto ran = co_await executor.run(std::move(next), keep, part);
    const auto usage = part.usage.value_or(sdk::Usage{});
    if (!ran || part.pending.empty()) {
      const auto warnings = count(usage);
      if (!ran) co_return std::move(ran).error();
      for (const auto& warning : warnings) ISA_CO_TRYV(co_await sink(warning));
      answer.usage = usage;
      answer.new_messages = std::move(part.new_messages).value_or(std::vector<sdk::Message>());
      co_return answer;
    }
    auto said = std::move(part.new_messages).value_or(std::vector<sdk::Message>());
    auto decided = co_await decide(tools, part.pending);
    if (decided.ends_turn) {
      const auto warnings = count(usage);
      answer.usage = usage;
      for (const auto& warning : warnings) ISA_CO_TRYV(co_await sink(warning));
      ISA_CO_TRYV(co_await end_there(decided, part.pending, said, keep));
      answer.text = said.size() < 2 ? "" : said[said.size() - 2].text();
      answer.new_messages = std::move(said);
      co_return answer;
    }
    placed.resumption = sdk::Resumption{std::move(said), std::move(decided.answers), part.progress};
  }
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

std::vector<sdk::Event> MemberTurns::count(const sdk::Usage& usage) {
  if (!record_.usage) record_.usage.emplace();
  const auto before = *record_.usage;
  *record_.usage += usage;
  return sdk::budget_warnings(team_turn_.team->budget(), before, *record_.usage);
}

}  // namespace isa::agent
