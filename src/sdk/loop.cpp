#include "sdk/loop.h"

#include "base/log.h"
#include "net/event_loop.h"
#include "sdk/loop_events.h"
#include "sdk/tool_batch.h"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <span>
#include <utility>

namespace isa::sdk {
namespace {

constexpr std::chrono::seconds kSecondsMax = std::chrono::days(7);  // More would pass the end of the clock.
constexpr int kRepeatsMax = 3;  // The same call so often in a row is a model that goes in circles.

struct Limit {
  std::string_view subtype;
  std::string_view name;
};

class Turn {
 public:
  Turn(const AgentSpec& agent, std::vector<Message> history, std::string message, ChatModel& model,
       ToolBox& tools, EventSink sink, TraceContext trace);

  // Never throws for a cancellation: the outcome is the answer then, too.
  Task<TurnOutcome> run();

 private:
  // An error of these is the sink's: nobody listens any more.
  Task<Result<void>> emit(Event event);
  Task<Result<void>> loop();
  Task<Result<void>> finish(std::string_view subtype, json::object more = {});
  Task<Result<void>> finish_failed(Error error);
  Task<Result<void>> on_delta(const ChatDelta& delta);
  Task<Result<void>> on_tool_done(const Part& call, Part& answer, ToolRun run);
  Task<Result<void>> run_tools(std::vector<Part> calls);
  Task<Result<void>> run_one(const Part& call, Part& answer);
  Task<Result<void>> run_together(std::span<const Part> calls, std::span<Part> answers);

  Task<Result<ChatResult>> ask_model();
  std::vector<Part> add_answer(ChatResult result);  // Its tool calls.
  void keep_partial_answer();
  std::optional<Limit> limit_met() const;
  bool repeats(const Part& call);
  TurnOutcome outcome() &&;

  const AgentSpec& agent_;
  ChatModel& model_;
  ToolBox& tools_;
  EventSink sink_;
  TraceContext trace_;
  std::vector<Message> conversation_;  // System prompt, history, and from first_new_ on what this turn adds.
  std::size_t first_new_;
  Usage usage_;
  Deadline::Clock::time_point begin_ = Deadline::Clock::now();
  Deadline deadline_;
  std::int64_t turns_ = 0;
  std::string partial_answer_;  // Text of the model call that is under way.
  std::string last_answer_;
  FinishReason finish_reason_ = FinishReason::stop;
  std::pair<std::string, std::string> last_call_;
  int repeats_ = 0;
  bool is_finished_ = false;  // The terminal event was given to the sink.
  bool is_deaf_ = false;      // The sink failed.
};

Turn::Turn(const AgentSpec& agent, std::vector<Message> history, std::string message, ChatModel& model,
           ToolBox& tools, EventSink sink, TraceContext trace)
    : agent_(agent),
      model_(model),
      tools_(tools),
      sink_(std::move(sink)),
      trace_(std::move(trace)),
      conversation_(std::move(history)),
      deadline_(Deadline::after(std::min(std::chrono::seconds(agent.limits.max_seconds), kSecondsMax))) {
  if (!agent.system_prompt.empty())
    conversation_.insert(conversation_.begin(), Message::make(ChatRole::system, agent.system_prompt));
  first_new_ = conversation_.size();
  conversation_.push_back(Message::make(ChatRole::user, std::move(message)));
}

Task<TurnOutcome> Turn::run() {
  bool is_cancelled = false;
  std::string bug;
  try {
    std::ignore = co_await loop();  // Its error is the sink's, which nobody is left to hear about.
    co_return std::move(*this).outcome();
  } catch (const boost::system::system_error& e) {
    is_cancelled = e.code() == asio::error::operation_aborted;
    bug = e.what();
  } catch (const std::exception& e) {
    bug = e.what();
  }
  // Otherwise the next co_await would throw, and the terminal event could not be sent.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  keep_partial_answer();
  if (is_cancelled)
    std::ignore = co_await finish("interrupted");
  else
    std::ignore =
        co_await finish_failed(internal_error("the turn failed for an internal reason").with_detail(bug));
  co_return std::move(*this).outcome();
}

Task<Result<void>> Turn::emit(Event event) {
  if (is_deaf_) co_return cancelled("nobody listens to this run any more");
  auto sent = co_await sink_(std::move(event));
  if (!sent) is_deaf_ = true;
  co_return sent;
}

Task<Result<void>> Turn::loop() {
  ISA_CO_TRYV(co_await emit(context_complete_event(tools_)));
  for (;;) {
    if (const auto limit = limit_met()) {
      json::object more{{"limit", limit->name}};
      co_return co_await finish(limit->subtype, std::move(more));
    }
    ++turns_;
    auto result = co_await ask_model();
    if (is_deaf_) co_return cancelled("nobody listens to this run any more");
    if (!result) {
      keep_partial_answer();
      if (!deadline_.passed()) co_return co_await finish_failed(std::move(result).error());
      json::object more{{"limit", "max_seconds"}};
      co_return co_await finish("error_budget", std::move(more));
    }
    auto calls = add_answer(*std::move(result));
    if (calls.empty()) break;
    ISA_CO_TRYV(co_await run_tools(std::move(calls)));
  }
  json::object more;
  if (finish_reason_ == FinishReason::length) more["finish_reason"] = json::name_of(finish_reason_);
  const bool is_filtered = finish_reason_ == FinishReason::content_filter;
  co_return co_await finish(is_filtered ? "error_model" : "success", std::move(more));
}

Task<Result<ChatResult>> Turn::ask_model() {
  ChatRequest request;
  request.model = agent_.model;
  request.messages = conversation_;
  request.tools = tools_.specs();
  request.trace = trace_;
  ChatSink sink = [this](const ChatDelta& delta) { return on_delta(delta); };
  partial_answer_.clear();
  return model_.chat(std::move(request), std::move(sink), deadline_);
}

Task<Result<void>> Turn::on_delta(const ChatDelta& delta) {
  if (delta.text.empty()) co_return ok();
  if (delta.kind == ChatDelta::Kind::text) {
    partial_answer_ += delta.text;
    co_return co_await emit(text_event(delta.text));
  }
  if (delta.kind == ChatDelta::Kind::thinking) {
    Event event{EventType::thinking, delta.text, {}};
    co_return co_await emit(std::move(event));
  }
  co_return ok();
}

std::vector<Part> Turn::add_answer(ChatResult result) {
  partial_answer_.clear();
  usage_ += result.usage;
  last_answer_ = result.message.text();
  finish_reason_ = result.finish_reason;
  for (auto& part : result.message.parts) {
    // Results are matched to calls by id; some providers leave it out.
    if (part.kind == PartKind::tool_call && part.id.empty()) part.id = "call_" + make_ulid();
  }
  auto calls = result.message.tool_calls();
  if (!result.message.parts.empty()) conversation_.push_back(std::move(result.message));
  return calls;
}

void Turn::keep_partial_answer() {
  if (partial_answer_.empty()) return;
  last_answer_ = partial_answer_;
  conversation_.push_back(Message::make(ChatRole::assistant, std::exchange(partial_answer_, {})));
}

Task<Result<void>> Turn::run_tools(std::vector<Part> calls) {
  // The results stand in the history from the start, so that no call is without one however the run ends.
  Message results{ChatRole::tool, {}};
  for (const auto& call : calls)
    results.parts.push_back(Part::make_tool_result(call.id, "[interrupted]", true));
  conversation_.push_back(std::move(results));
  const std::span<Part> answers = conversation_.back().parts;

  for (std::size_t at = 0; at < calls.size();) {
    const auto rest = std::span<const Part>(calls).subspan(at);
    const auto writer =
        std::ranges::find_if(rest, [&](const Part& call) { return !tools_.is_read_only(call.name); });
    const auto readers = static_cast<std::size_t>(writer - rest.begin());
    if (readers > 1) {
      ISA_CO_TRYV(co_await run_together(rest.first(readers), answers.subspan(at, readers)));
    } else {
      ISA_CO_TRYV(co_await run_one(rest.front(), answers[at]));
    }
    at += std::max<std::size_t>(readers, 1);
  }
  co_return ok();
}

Task<Result<void>> Turn::run_one(const Part& call, Part& answer) {
  ISA_CO_TRYV(co_await emit(tool_use_event(call)));
  ToolRun run;
  if (repeats(call)) {
    run.output.is_error = true;
    run.output.text = fmt::format(
        "{} was called {} times in a row with the same arguments; it was not run again. Try something else "
        "or answer.",
        call.name, repeats_);
  } else {
    run = co_await run_tool(tools_, call, deadline_);
  }
  co_return co_await on_tool_done(call, answer, std::move(run));
}

Task<Result<void>> Turn::run_together(std::span<const Part> calls, std::span<Part> answers) {
  for (const auto& call : calls) ISA_CO_TRYV(co_await emit(tool_use_event(call)));
  ToolRunSink sink = [this, calls, answers](std::size_t position, ToolRun run) {
    return on_tool_done(calls[position], answers[position], std::move(run));
  };
  last_call_ = {};
  repeats_ = 0;
  co_return co_await run_tools_together(tools_, calls, deadline_, std::move(sink));
}

Task<Result<void>> Turn::on_tool_done(const Part& call, Part& answer, ToolRun run) {
  auto event = tool_result_event(call, run.output, run.duration);
  answer.text = std::move(run.output.text);
  answer.is_error = run.output.is_error;
  return emit(std::move(event));
}

bool Turn::repeats(const Part& call) {
  std::pair<std::string, std::string> key{call.name, call.arguments};
  repeats_ = key == last_call_ ? repeats_ + 1 : 1;
  last_call_ = std::move(key);
  return repeats_ >= kRepeatsMax;
}

std::optional<Limit> Turn::limit_met() const {
  const LoopLimits& limits = agent_.limits;
  if (turns_ >= limits.max_turns) return Limit{"error_max_turns", "max_turns"};
  if (deadline_.passed()) return Limit{"error_budget", "max_seconds"};
  if (limits.max_tokens && usage_.input_tokens + usage_.output_tokens >= *limits.max_tokens)
    return Limit{"error_budget", "max_tokens"};
  return std::nullopt;
}

Task<Result<void>> Turn::finish(std::string_view subtype, json::object more) {
  if (std::exchange(is_finished_, true)) co_return ok();
  const auto duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::Clock::now() - begin_);
  Event event{EventType::result, last_answer_, std::move(more)};
  event.metadata["subtype"] = subtype;
  event.metadata["usage"] = json::write(usage_);
  event.metadata["duration_ms"] = duration.count();
  event.metadata["num_turns"] = turns_;
  co_return co_await emit(std::move(event));
}

Task<Result<void>> Turn::finish_failed(Error error) {
  if (std::exchange(is_finished_, true)) co_return ok();
  log::warn("turn.failed", {{"trace_id", trace_.id()}, {"code", error.code()}, {"detail", error.detail()}});
  auto event = error_event(std::string(error.code()), error.message(), is_retryable(error.kind()));
  co_return co_await emit(std::move(event));
}

TurnOutcome Turn::outcome() && {
  conversation_.erase(conversation_.begin(), conversation_.begin() + static_cast<std::ptrdiff_t>(first_new_));
  return {std::move(conversation_), usage_};
}

}  // namespace

Task<TurnOutcome> run_turn(const AgentSpec& agent, std::vector<Message> history, std::string message,
                           ChatModel& model, ToolBox& tools, EventSink sink, TraceContext trace) {
  // On a thread of execution of its own, whose cancellation it may use up and still answer.
  Turn turn(agent, std::move(history), std::move(message), model, tools, std::move(sink), std::move(trace));
  auto task = turn.run();
  auto executor = co_await asio::this_coro::executor;
  co_return co_await net::call_on(std::move(executor), std::move(task));
}

}  // namespace isa::sdk
