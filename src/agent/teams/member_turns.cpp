#include "agent/teams/member_turns.h"

#include "agent/approvals/questions.h"
#include "agent/pending_calls.h"
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

Task<Result<void>> show(sdk::Event event, const sdk::EventSink& sink, sdk::team::MemberAnswer& answer) {
  if (event.is_terminal()) read_terminal(event, answer);
  if (!is_shown(event)) co_return ok();
  co_return co_await sink(std::move(event));
}

struct Decided {
  std::vector<sdk::CallAnswer> answers;
  bool ends_turn = false;
};

constexpr std::string_view kTooLate = "Not run: the turn ended before it.";

const sdk::team::RemoteTool* find_tool(const std::vector<sdk::team::RemoteTool>& tools,
                                       const sdk::PendingCall& call) {
  if (call.reason != sdk::PendingReason::platform_tool) return nullptr;
  const auto found = std::ranges::find_if(tools, [&](const auto& one) { return one.spec.name == call.tool; });
  return found == tools.end() ? nullptr : &*found;
}

bool asks(const Asker& asker, const std::vector<sdk::team::RemoteTool>& tools, const sdk::PendingCall& call) {
  return !find_tool(tools, call) && inquiry_of(asker, call, now()).question.has_value();
}

// What becomes of the calls that a turn was suspended at, in their order: the team's tools are run, until one
// of them ends the turn; people have decided on others, and the rest needs no decision.
Task<Decided> decide(const Asker& asker, const std::vector<sdk::team::RemoteTool>& tools,
                     const sdk::team::WaitingTurn& turn) {
  Decided decided;
  bool is_over = false;
  for (const auto& call : turn.pending) {
    auto& answer = decided.answers.emplace_back();
    answer.tool_use_id = call.tool_use_id;
    const auto given = std::ranges::find(turn.answers, call.tool_use_id, &sdk::CallAnswer::tool_use_id);
    if (is_over) {
      answer.text = kTooLate;
      answer.is_error = true;
    } else if (given != turn.answers.end()) {
      answer = *given;
    } else if (const auto* tool = find_tool(tools, call)) {
      auto said = co_await tool->call(call.args);
      answer.text = std::move(said.output.text);
      answer.is_error = said.output.is_error;
      is_over = said.ends_turn;
    } else if (auto inquiry = inquiry_of(asker, call, now()); inquiry.answer) {
      answer = *std::move(inquiry.answer);
    } else {
      // The safe side: nobody has decided.
      answer.text = fmt::format("{} needs somebody's decision, and there is none; it was not run", call.tool);
      answer.is_error = true;
    }
  }
  // What stands before the call that ends the turn is still run, with the model asked once more.
  decided.ends_turn = is_over && std::ranges::none_of(decided.answers, &sdk::CallAnswer::run);
  co_return decided;
}

// Gives the calls their results without asking the model again.
Task<Result<void>> end_there(const Decided& decided, const std::vector<sdk::PendingCall>& pending,
                             std::vector<sdk::Message>& said, const sdk::EventSink& sink) {
  for (std::size_t i = 0; i < pending.size(); ++i) {
    const auto& answer = decided.answers[i];
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

// A member's turn among those that are under way.
class MemberTurns::Entry {
 public:
  Entry(std::list<Active>& all, Active active) : all_(all), at_(all.insert(all.end(), std::move(active))) {}
  Entry(const Entry&) = delete;
  ~Entry() { all_.erase(at_); }

 private:
  std::list<Active>& all_;
  std::list<Active>::iterator at_;
};

Task<Result<sdk::team::MemberAnswer>> MemberTurns::run(std::string member, sdk::team::MemberTurn turn,
                                                       sdk::EventSink sink) {
  sdk::team::MemberAnswer answer;
  auto met = sdk::budget_met(team_turn_.team->budget(), record_.total());
  if (met && !turn.resumed) {  // What was approved is run all the same.
    answer.subtype = "error_budget";
    answer.text = std::move(met->problem);
    co_return answer;
  }
  const auto tools = std::move(turn.tools);
  auto stopped = std::move(turn.resumed);
  ISA_CO_TRY(auto placed, place(member, turn));
  for (const auto& tool : tools) placed.agent.platform_tools.push_back(tool.spec);
  const auto asker = asker_of(team_turn_, CallOrigin{member, std::nullopt});
  sdk::EventSink keep = [&](sdk::Event event) { return show(std::move(event), sink, answer); };
  TurnExecutor& executor = *places_.at(placed.env);
  auto counted = stopped ? stopped->progress.usage : sdk::Usage{};
  std::vector<sdk::Event> warnings;
  for (int parts = 1;; ++parts) {
    if (stopped) {
      ISA_CO_TRYV(check_pending(parts, stopped->pending));
      const bool needs_people = std::ranges::any_of(
          stopped->pending, [&](const sdk::PendingCall& call) { return asks(asker, tools, call); });
      if (needs_people && !stopped->is_decided()) {
        answer.waiting = std::move(stopped);
        co_return answer;
      }
      auto decided = co_await decide(asker, tools, *stopped);
      auto& said = stopped->new_messages;
      if (decided.ends_turn) {
        ISA_CO_TRYV(co_await end_there(decided, stopped->pending, said, keep));
        answer.text = said.size() < 2 ? "" : said[said.size() - 2].text();
        answer.new_messages = std::move(said);
        co_return answer;
      }
      placed.resumption = sdk::Resumption{std::move(said), std::move(decided.answers), stopped->progress};
      if (team_turn_.unheard) placed.resumption->progress.unheard = team_turn_.unheard();
      stopped.reset();
    }
    TurnRecord part;
    auto next = placed;
    // The limits of the team hold in every sandbox of it, with what is used up in the others and was before.
    next.allowance.elsewhere = record_.total().since(counted);
    const Entry entry(active_, {&executor, placed.session});
    const auto count_it = [&] {
      sdk::Usage used;
      if (part.usage) used = part.usage->since(std::exchange(counted, *part.usage));
      answer.usage += used;
      for (const auto& warning : count(used, part)) warnings.push_back(warning);
    };
    Result<void> ran = ok();
    try {
      ran = co_await executor.run(std::move(next), keep, part);
    } catch (...) {  // Cut off, by a timeout of its task perhaps: what it used is used.
      count_it();
      throw;
    }
    count_it();
    if (!ran) co_return std::move(ran).error();
    auto said = std::move(part.new_messages).value_or(std::vector<sdk::Message>());
    for (auto& warning : std::exchange(warnings, {})) {
      ISA_CO_TRYV(co_await sink(std::move(warning)));
    }
    if (part.pending.empty()) {
      answer.new_messages = std::move(said);
      co_return answer;
    }
    stopped.emplace(std::move(said), std::move(part.pending), part.progress);
    stopped->progress.usage = counted;
    stopped->progress.unheard.clear();  // team_turn_.unheard knows better.
  }
}

Task<Result<void>> MemberTurns::steer(std::string message) {
  if (active_.empty())
    co_return conflict("no agent of this team is working just now; try again in a moment")
        .with_code("turn_not_running");
  const auto at = active_.front();
  co_return co_await at.place->steer(at.session, team_turn_.run, std::move(message));
}

Result<Turn> MemberTurns::place(const std::string& member, sdk::team::MemberTurn& turn) const {
  const auto& where = team_turn_.team->places.at(member);
  if (!places_.contains(where.env))
    return not_implemented("this platform cannot run agents with env {}", json::name_of(where.env));
  auto placed = team_turn_;
  placed.team.reset();
  placed.resumption.reset();
  placed.origins.clear();
  placed.keep = nullptr;
  if (team_turn_.team->spec.find(member)->sandbox == sdk::team::MemberSandbox::own) {
    ISA_TRY(placed.session, own_session(team_turn_.session, member));
  }
  placed.agent_id = where.agent_id ? where.agent_id : team_turn_.agent_id;
  placed.env = where.env;
  placed.agent = std::move(turn.agent);
  placed.history = std::move(turn.history);
  placed.message = std::move(turn.prompt);
  if (where.agent_id) placed.egress = where.egress;
  if (const auto skills = team_turn_.team->skills.find(member); skills != team_turn_.team->skills.end()) {
    placed.skills = skills->second;
    placed.agent.skills = summaries_of(placed.skills.skills);
  }
  return placed;
}

std::vector<sdk::Event> MemberTurns::count(const sdk::Usage& usage, const TurnRecord& part) {
  const auto before = record_.total();
  if (part.usage) {
    if (!record_.usage) record_.usage.emplace();
    *record_.usage += usage;
  }
  if (!part.programs.is_nothing()) record_.programs += part.programs;
  record_.is_counted = record_.is_counted || part.is_counted;
  return sdk::budget_warnings(team_turn_.team->budget(), before, record_.total());
}

}  // namespace isa::agent
