#include "sdk/tool_phase.h"

#include "base/utf8.h"
#include "sdk/approval_pattern.h"
#include "sdk/loop_events.h"
#include "sdk/tools/typed_tool.h"

#include <algorithm>
#include <map>
#include <utility>

namespace isa::sdk {
namespace {

std::optional<json::object> arguments_of(const Part& call) {
  if (call.arguments.empty()) return json::object();
  auto parsed = json::parse(call.arguments);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  return std::move(parsed->get_object());
}

}  // namespace

Task<Result<std::vector<PendingCall>>> ToolPhase::run(std::span<const Part> calls, std::span<Part> answers) {
  if (repeats(calls)) {
    ISA_CO_TRYV(co_await refuse_all(calls, answers));
    co_return std::vector<PendingCall>();
  }
  std::vector<PendingCall> open;  // From the first call that waits on.
  std::size_t ready = 0;          // From here on nothing was run yet.
  for (std::size_t at = 0; at < calls.size(); ++at) {
    auto pending = waiting(calls[at]);
    if (!pending && open.empty()) continue;
    if (!pending) {
      open.push_back(deferred(calls[at]));
      continue;
    }
    if (open.empty()) {  // What is shown of the call may depend on what the calls before it do.
      ISA_CO_TRYV(co_await run_all(calls.subspan(ready, at - ready), answers.subspan(ready, at - ready)));
      ready = at;
    }
    auto shown = co_await preview(*pending);
    if (!shown && open.empty()) {
      ISA_CO_TRYV(co_await announce(calls.subspan(at, 1)));
      ISA_CO_TRYV(co_await done(calls[at], answers[at], {.output = tool_failure(shown.error())}));
      ready = at + 1;
      continue;
    }
    if (shown && !shown->empty()) pending->preview = *std::move(shown);
    open.push_back(*std::move(pending));
  }
  if (open.empty()) ISA_CO_TRYV(co_await run_all(calls.subspan(ready), answers.subspan(ready)));
  ISA_CO_TRYV(co_await announce(calls.last(open.size())));
  co_return open;
}

PendingCall ToolPhase::deferred(const Part& call) const {
  return {.tool_use_id = call.id,
          .tool = call.name,
          .subject = tools_.subject(call.name),
          .args = arguments_of(call).value_or(json::object()),
          .reason = PendingReason::deferred};
}

Task<Result<std::string>> ToolPhase::preview(const PendingCall& call) {
  if (call.reason == PendingReason::platform_tool) co_return std::string();
  auto args = call.args;
  ISA_CO_TRY(const auto shown, co_await tools_.preview(call.tool, std::move(args)));
  if (shown.size() <= kPreviewMax) co_return shown;
  co_return std::string(cut_utf8(shown, kPreviewMax)) + "...";
}

Task<Result<void>> ToolPhase::announce(std::span<const Part> calls) {
  for (const auto& call : calls) {
    auto event = tool_use_event(call);
    ISA_CO_TRYV(co_await emit_(std::move(event)));
  }
  co_return ok();
}

Task<Result<void>> ToolPhase::resume(std::span<const Part> calls, std::span<Part> answers,
                                     const std::vector<CallAnswer>& decided) {
  // Of two calls with one id, as older turns may have them, each has its own answer.
  std::multimap<std::string_view, const CallAnswer*> by_id;
  for (const auto& one : decided) by_id.emplace(one.tool_use_id, &one);
  for (std::size_t at = 0; at < calls.size(); ++at) {
    const auto found = by_id.lower_bound(calls[at].id);
    if (found == by_id.end() || found->first != calls[at].id) continue;
    const CallAnswer& answer = *by_id.extract(found).mapped();
    Part call = calls[at];
    if (answer.args) call.arguments = json::serialize(*answer.args);
    if (answer.run) {
      answers[at].text = kInterrupted;
      ISA_CO_TRYV(co_await run_together({&call, 1}, answers.subspan(at, 1)));
      if (!answer.text.empty()) answers[at].text.insert(0, answer.text + "\n");
      continue;
    }
    ToolRun run{{.text = answer.text, .is_error = answer.is_error}};
    ISA_CO_TRYV(co_await done(call, answers[at], std::move(run)));
  }
  co_return ok();
}

// Called once for each call, in their order.
std::optional<PendingCall> ToolPhase::waiting(const Part& call) {
  auto args = arguments_of(call);
  if (!args) return std::nullopt;  // The call fails at once; nobody needs to look at it.
  const auto is_it = [&](const ToolSpec& spec) { return spec.name == call.name; };
  const bool is_platforms = std::ranges::any_of(agent_.platform_tools, is_it);
  if (!is_platforms && !tools_.has(call.name)) return std::nullopt;
  auto subject = is_platforms ? call.name : tools_.subject(call.name);
  const auto asks = [&](const std::vector<std::string>& patterns) {
    return needs_approval(patterns, agent_.always_allowed, subject, *args);
  };
  const bool is_checkpoint = checkpoints_.reached_by(call.name, *args);
  auto reason = PendingReason::approval;
  if (is_platforms)
    reason = PendingReason::platform_tool;
  else if (is_checkpoint && asks({subject}))
    reason = PendingReason::checkpoint;
  else if (!asks(agent_.approvals))
    return std::nullopt;
  return PendingCall{.tool_use_id = call.id,
                     .tool = call.name,
                     .subject = std::move(subject),
                     .args = *std::move(args),
                     .reason = reason};
}

Task<Result<void>> ToolPhase::run_all(std::span<const Part> calls, std::span<Part> answers) {
  for (std::size_t at = 0; at < calls.size();) {
    const auto rest = calls.subspan(at);
    const auto writer =
        std::ranges::find_if(rest, [&](const Part& call) { return !tools_.is_read_only(call.name); });
    const auto readers = static_cast<std::size_t>(writer - rest.begin());
    const auto count = std::max<std::size_t>(readers, 1);
    ISA_CO_TRYV(co_await announce(rest.first(count)));
    ISA_CO_TRYV(co_await run_together(rest.first(count), answers.subspan(at, count)));
    at += count;
  }
  co_return ok();
}

Task<Result<void>> ToolPhase::run_together(std::span<const Part> calls, std::span<Part> answers) {
  ToolBatchSinks sinks;
  sinks.done = [this, calls, answers](std::size_t position, ToolRun run) {
    return done(calls[position], answers[position], std::move(run));
  };
  sinks.progress = [this, calls](std::size_t position, ToolProgress progress) {
    return tell(calls[position], std::move(progress));
  };
  co_return co_await run_tools_together(tools_, calls, deadline_, std::move(sinks));
}

Task<Result<void>> ToolPhase::refuse_all(std::span<const Part> calls, std::span<Part> answers) {
  ++refused_;
  ISA_CO_TRYV(co_await announce(calls));
  for (std::size_t at = 0; at < calls.size(); ++at) {
    ToolRun run;
    run.output.is_error = true;
    run.output.text = fmt::format(
        "{} was called {} times in a row with the same arguments; it was not run again. Try something else "
        "or answer.",
        calls[at].name, repeats_);
    ISA_CO_TRYV(co_await done(calls[at], answers[at], std::move(run)));
  }
  co_return ok();
}

Task<Result<void>> ToolPhase::done(const Part& call, Part& answer, ToolRun run) {
  auto event = tool_result_event(call, run.output, run.duration);
  answer.text = std::move(run.output.text);
  answer.is_error = run.output.is_error;
  return emit_(std::move(event));
}

Task<Result<void>> ToolPhase::tell(const Part& call, ToolProgress progress) {
  auto event = progress_event(call, std::move(progress));
  return emit_(std::move(event));
}

bool ToolPhase::repeats(std::span<const Part> calls) {
  if (std::ranges::all_of(calls, [&](const Part& call) { return tools_.is_polled(call.name); })) return false;
  std::string key;
  for (const auto& call : calls)
    key += fmt::format("{}:{} {}\n", call.name.size(), call.name, call.arguments);
  repeats_ = key == last_calls_ ? repeats_ + 1 : 1;
  last_calls_ = std::move(key);
  return repeats_ >= kRepeatsMax;
}

}  // namespace isa::sdk
