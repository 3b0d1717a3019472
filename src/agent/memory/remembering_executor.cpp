#include "agent/memory/remembering_executor.h"

#include "base/log.h"
#include "sdk/approval_pattern.h"
#include "sdk/tools/memory.h"
#include "sdk/tools/typed_tool.h"

#include <algorithm>

namespace isa::agent {
namespace {

// A sandbox that a hostile agent took over could be suspended without an end.
constexpr int kPartsMax = 500;
constexpr std::size_t kCallsMax = 64;  // At once; more are for whoever bounds them.
constexpr std::chrono::seconds kPatience{20};

// Moves the tools to those that the platform runs. False: the agent has none of them.
bool take_memory_tools(sdk::AgentSpec& agent) {
  const auto count = std::erase_if(agent.tools, [&](const std::string& name) {
    if (!sdk::is_memory_tool(name)) return false;
    for (auto& spec : sdk::memory_tool_specs())
      if (spec.name == name) agent.platform_tools.push_back(std::move(spec));
    return true;
  });
  return count > 0;
}

bool is_ours(const Turn& turn, std::string_view tool) {
  return sdk::is_memory_tool(tool) &&
         std::ranges::find(turn.agent.platform_tools, tool, &sdk::ToolSpec::name) !=
             turn.agent.platform_tools.end();
}

// The tool's call in what the turn added so far; null: there is none of that id.
const sdk::Part* find_call(const std::vector<sdk::Message>& messages, std::string_view id) {
  for (auto message = messages.rbegin(); message != messages.rend(); ++message)
    for (const auto& part : message->parts)
      if (part.kind == sdk::PartKind::tool_call && part.id == id) return &part;
  return nullptr;
}

// The calls that somebody has to decide on first, as the agent's rules say, wait as calls of the sandbox's
// would.
void apply_rules(const Turn& turn, std::vector<sdk::PendingCall>& pending) {
  for (auto& call : pending)
    if (call.reason == sdk::PendingReason::platform_tool && is_ours(turn, call.tool) &&
        sdk::needs_approval(turn.agent.approvals, turn.agent.always_allowed, call.subject, call.args))
      call.reason = sdk::PendingReason::approval;
}

// What follows is for the memory alone to decide.
bool can_go_on(const Turn& turn, const std::vector<sdk::PendingCall>& pending) {
  return pending.size() <= kCallsMax && std::ranges::all_of(pending, [&](const sdk::PendingCall& call) {
           return call.reason == sdk::PendingReason::deferred ||
                  (call.reason == sdk::PendingReason::platform_tool && is_ours(turn, call.tool));
         });
}

sdk::Resumption going_on(const TurnRecord& from) {
  sdk::Resumption resumption;
  resumption.new_messages = from.new_messages.value_or(std::vector<sdk::Message>());
  for (const auto& call : from.pending)
    resumption.answers.push_back({.tool_use_id = call.tool_use_id, .run = true});
  resumption.progress = from.progress;
  return resumption;
}

// A turn that goes on says once where it runs.
bool is_said_again(const sdk::Event& event) {
  const auto* name = event.metadata.if_contains("event");
  const auto* resumed = event.metadata.if_contains("resumed");
  return event.type == sdk::EventType::system && name && *name == "sandbox.acquired" && resumed &&
         resumed->is_bool() && resumed->get_bool();
}

Task<Result<void>> pass(const sdk::EventSink& sink, bool is_first_part, sdk::Event event) {
  if (!is_first_part && is_said_again(event)) co_return ok();
  co_return co_await sink(std::move(event));
}

}  // namespace

Task<Result<void>> RememberingExecutor::run(Turn turn, sdk::EventSink sink, TurnRecord& record) {
  if (!take_memory_tools(turn.agent)) co_return co_await place_.run(std::move(turn), std::move(sink), record);
  for (int part = 0; part < kPartsMax; ++part) {
    if (turn.resumption) co_await answer(turn, *turn.resumption);
    sdk::EventSink quiet = [&sink, part](sdk::Event event) {
      return pass(sink, part == 0, std::move(event));
    };
    auto next = turn;
    ISA_CO_TRYV(co_await place_.run(std::move(next), std::move(quiet), record));
    if (record.pending.empty()) co_return ok();
    apply_rules(turn, record.pending);
    if (!can_go_on(turn, record.pending)) co_return ok();
    turn.resumption = going_on(record);
    if (turn.unheard) turn.resumption->progress.unheard = turn.unheard();
    record.pending.clear();
  }
  co_return upstream_error("the agent asked its memory more than {} times in one turn and was stopped",
                           kPartsMax)
      .with_code("memory_used_too_often");
}

// Of the calls that are to run now.
Task<void> RememberingExecutor::answer(const Turn& turn, sdk::Resumption& resumption) {
  const MemoryOwner whose{turn.user, turn.agent_id, turn.session};
  for (auto& one : resumption.answers) {
    const auto* call = one.run ? find_call(resumption.new_messages, one.tool_use_id) : nullptr;
    if (!call || !is_ours(turn, call->name)) continue;
    auto arguments = one.args ? Result<json::value>(json::value(*one.args)) : json::parse(call->arguments);
    if (!arguments || !arguments->is_object()) continue;  // The loop says so to the model.
    auto done = co_await books_.call(whose, call->name, std::move(arguments->get_object()),
                                     Deadline::after(kPatience));
    if (!done && done.error().kind() == ErrorKind::internal_error)
      log::error("memory.failed", {{"run_id", turn.run.value()}, {"detail", done.error().detail()}});
    auto output = done ? *std::move(done) : sdk::tool_failure(done.error());
    one.run = false;
    one.text = std::move(output.text);
    one.is_error = output.is_error;
  }
}

Task<void> RememberingExecutor::forget(SessionId session) {
  co_await place_.forget(session);
  if (const auto forgotten = co_await books_.forget_session(session); !forgotten)
    log::warn("memory.not_forgotten",
              {{"session_id", session.value()}, {"detail", forgotten.error().detail()}});
}

}  // namespace isa::agent
