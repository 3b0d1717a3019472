#include "sdk/loop.h"

#include "base/log.h"
#include "net/event_loop.h"
#include "sdk/budget.h"
#include "sdk/context.h"
#include "sdk/loop_events.h"
#include "sdk/structured_output.h"
#include "sdk/tool_phase.h"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <set>
#include <span>
#include <utility>

namespace isa::sdk {
namespace {

constexpr std::chrono::seconds kSecondsMax = std::chrono::days(7);  // More would pass the end of the clock.
constexpr int kOutputRetriesMax = 2;  // How often a model may mend an answer that does not fit its schema.

struct Limit {
  std::string_view subtype;
  std::string_view name;
  std::string problem = {};
};

class Turn {
 public:
  Turn(const AgentSpec& agent, TurnInput input, ChatModel& model, ToolBox& tools, EventSink sink,
       TraceContext trace);

  // Never throws for a cancellation: the outcome is the answer then, too.
  Task<TurnOutcome> run();

 private:
  // An error of these is the sink's: nobody listens any more.
  Task<Result<void>> emit(Event event);
  Task<Result<void>> loop();
  Task<Result<void>> begin();
  Task<Result<void>> run_tools(std::vector<Part> calls);
  Task<Result<void>> resume_tools();
  Task<Result<void>> end_at_limit();  // Where one is met.
  Task<Result<void>> hear_user();
  Task<Result<void>> trim();
  Task<Result<void>> warn_of_budget(Usage before);
  Task<Result<void>> retry_output(const Error& problem);
  Task<Result<void>> end_of_answer();
  Task<Result<void>> end_of_failed_call(Error error);
  Task<Result<void>> finish(std::string_view subtype, json::object more = {});
  Task<Result<void>> finish_failed(Error error);
  Task<Result<void>> on_delta(const ChatDelta& delta);

  Task<Result<ChatResult>> ask_model();
  Task<std::string> ask_for_summary(std::size_t count);
  std::vector<Message> shown_to_model() const;
  std::vector<Part> add_answer(ChatResult result);  // Its tool calls.
  void keep_partial_answer();
  std::optional<Limit> limit_met() const;
  std::chrono::milliseconds active() const;
  TurnOutcome outcome() &&;

  const AgentSpec& agent_;
  ChatModel& model_;
  ToolBox& tools_;
  EventSink sink_;
  TraceContext trace_;
  std::shared_ptr<Steering> steering_;
  std::vector<CallAnswer> answers_;    // Of a turn that is resumed.
  std::vector<Message> conversation_;  // The history, and from first_new_ on what this turn adds.
  std::size_t first_new_;
  std::string system_prompt_;
  TurnProgress progress_;
  Deadline::Clock::time_point begin_;
  Deadline deadline_;
  ToolPhase phase_;
  std::vector<PendingCall> pending_;
  std::string partial_answer_;  // Text of the model call that is under way.
  std::string last_answer_;
  FinishReason finish_reason_ = FinishReason::stop;
  int output_retries_ = 0;
  bool is_resumed_;
  bool is_shortened_ = false;  // Old results are shown shortened from now on.
  bool is_finished_ = false;   // The terminal event was given to the sink.
  bool is_deaf_ = false;       // The sink failed.
};

std::string seconds_used_up(const LoopLimits& limits, std::chrono::milliseconds active) {
  return fmt::format("limits.max_seconds is {}, and the run has worked for {:.1f} s", limits.max_seconds,
                     std::chrono::duration<double>(active).count());
}

Deadline deadline_of(const AgentSpec& agent, const TurnInput& input) {
  const auto whole = std::min(std::chrono::seconds(agent.limits.max_seconds), kSecondsMax);
  const auto used = std::chrono::milliseconds(input.resumption ? input.resumption->progress.active_ms : 0);
  const auto since = Deadline::Clock::now() - input.begin;
  return Deadline::after(
      std::max<Deadline::Clock::duration>(whole - used - since, std::chrono::milliseconds(0)));
}

Turn::Turn(const AgentSpec& agent, TurnInput input, ChatModel& model, ToolBox& tools, EventSink sink,
           TraceContext trace)
    : agent_(agent),
      model_(model),
      tools_(tools),
      sink_(std::move(sink)),
      trace_(std::move(trace)),
      steering_(input.steering ? std::move(input.steering) : std::make_shared<Steering>()),
      conversation_(std::move(input.history)),
      first_new_(conversation_.size()),
      system_prompt_(agent.system_prompt),
      begin_(input.begin),
      deadline_(deadline_of(agent, input)),
      phase_(
          agent, tools, [this](Event event) { return emit(std::move(event)); }, deadline_, progress_.plan),
      is_resumed_(input.resumption.has_value()) {
  if (agent.output_schema)
    system_prompt_ += (system_prompt_.empty() ? "" : "\n\n") + structured_output_prompt(*agent.output_schema);
  if (!is_resumed_) {
    conversation_.push_back(Message::make(ChatRole::user, std::move(input.message)));
    return;
  }
  std::ranges::move(input.resumption->new_messages, std::back_inserter(conversation_));
  answers_ = std::move(input.resumption->answers);
  progress_ = input.resumption->progress;
  for (auto& said : std::exchange(progress_.unheard, {})) steering_->offer(std::move(said));
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

Task<Result<void>> Turn::begin() {
  if (is_resumed_) co_return co_await resume_tools();
  auto event = context_complete_event(tools_, agent_.platform_tools.size());
  co_return co_await emit(std::move(event));
}

Task<Result<void>> Turn::loop() {
  ISA_CO_TRYV(co_await begin());
  while (!is_finished_) {
    ISA_CO_TRYV(co_await end_at_limit());
    if (is_finished_) break;
    ISA_CO_TRYV(co_await hear_user());
    ISA_CO_TRYV(co_await trim());
    if (is_finished_) break;
    ++progress_.num_turns;
    auto result = co_await ask_model();
    if (is_deaf_) co_return cancelled("nobody listens to this run any more");
    if (!result) co_return co_await end_of_failed_call(std::move(result).error());
    const auto before = progress_.usage;
    progress_.usage += result->usage;
    ISA_CO_TRYV(co_await warn_of_budget(before));
    auto calls = add_answer(*std::move(result));  // From here on its calls must get their results.
    if (!calls.empty()) {
      ISA_CO_TRYV(co_await run_tools(std::move(calls)));
      if (!pending_.empty()) break;
    } else if (steering_->empty()) {
      ISA_CO_TRYV(co_await end_of_answer());
    }
  }
  steering_->close();
  co_return ok();
}

Task<Result<ChatResult>> Turn::ask_model() {
  ChatRequest request;
  request.model = agent_.model;
  if (!system_prompt_.empty()) request.messages.push_back(Message::make(ChatRole::system, system_prompt_));
  std::ranges::move(shown_to_model(), std::back_inserter(request.messages));
  request.tools = tools_.specs();
  request.tools.insert(request.tools.end(), agent_.platform_tools.begin(), agent_.platform_tools.end());
  if (agent_.output_schema) request.response_format = structured_output_format(*agent_.output_schema);
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
  last_answer_ = result.message.text();
  finish_reason_ = result.finish_reason;
  // Results and decisions are matched to calls by id; some providers leave it out, or give it twice.
  std::set<std::string> ids;
  for (auto& part : result.message.parts)
    if (part.kind == PartKind::tool_call && (part.id.empty() || !ids.insert(part.id).second))
      part.id = "call_" + make_ulid();
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
  Message results{.role = ChatRole::tool, .parts = {}};
  for (const auto& call : calls) results.parts.push_back(Part::make_tool_result(call.id, kInterrupted, true));
  conversation_.push_back(std::move(results));
  auto& answers = conversation_.back().parts;
  ISA_CO_TRY(pending_, co_await phase_.run(calls, answers));
  // Those that wait stand last, and nobody may ever go on with them.
  for (auto& answer : std::span(answers).last(pending_.size())) answer.text = kNotRun;
  if (!phase_.goes_in_circles()) co_return ok();
  json::object more{{"limit", "repeated_calls"}};
  co_return co_await finish("error_tool", std::move(more));
}

Task<Result<void>> Turn::resume_tools() {
  const auto count = conversation_.size();
  if (count < first_new_ + 2 || conversation_.back().role != ChatRole::tool)
    co_return co_await finish_failed(
        invalid_request("the turn cannot be resumed: its messages do not end with results of tools"));
  const auto calls = conversation_[count - 2].tool_calls();
  if (calls.size() != conversation_.back().parts.size())
    co_return co_await finish_failed(
        invalid_request("the turn cannot be resumed: not every call has a result"));
  last_answer_ = conversation_[count - 2].text();
  co_return co_await phase_.resume(calls, conversation_.back().parts, answers_);
}

// What the user says while the agent works is heard between two model calls, when no tool call is open.
Task<Result<void>> Turn::hear_user() {
  for (auto& said : steering_->take()) {
    auto event = system_event("steered", said);
    conversation_.push_back(Message::make(ChatRole::user, std::move(said)));
    ISA_CO_TRYV(co_await emit(std::move(event)));
  }
  co_return ok();
}

std::vector<Message> Turn::shown_to_model() const {
  return is_shortened_ ? shown_shortened(conversation_, agent_.limits.context_tokens / 2)
                       : shown(conversation_);
}

Task<Result<void>> Turn::warn_of_budget(Usage before) {
  const Budget budget{agent_.limits.max_tokens, agent_.limits.max_usd};
  for (auto& warning : budget_warnings(budget, before, progress_.usage))
    ISA_CO_TRYV(co_await emit(std::move(warning)));
  co_return ok();
}

Task<Result<void>> Turn::trim() {
  const auto limit = agent_.limits.context_tokens;
  if (estimated_tokens(conversation_) <= limit) co_return ok();
  const auto is_too_long = [&] { return estimated_tokens(shown_to_model()) > limit; };
  if (!is_too_long()) co_return ok();
  is_shortened_ = true;
  if (!is_too_long()) co_return ok();
  const auto cut = cut_for_summary(conversation_, limit / 3);
  if (!cut) co_return ok();  // One message alone is too long; the provider says what it thinks of that.
  const auto before = progress_.usage;
  auto text = co_await ask_for_summary(*cut);
  auto event =
      system_event("context.trimmed", "The conversation became too long; its beginning was summarised.");
  if (text.empty())
    event.content =
        "The conversation became too long and could not be summarised; its beginning was left out.";
  event.metadata["summarised_messages"] = *cut;
  event.metadata["is_summarised"] = !text.empty();
  conversation_.push_back(make_summary(conversation_, *cut, std::move(text)));
  ISA_CO_TRYV(co_await emit(std::move(event)));
  ISA_CO_TRYV(co_await warn_of_budget(before));
  co_return co_await end_at_limit();  // The summary was a model call, too.
}

// "" when the model cannot say: the turn goes on without.
Task<std::string> Turn::ask_for_summary(std::size_t count) {
  auto request = summary_request(conversation_, count, agent_.limits.context_tokens / 2);
  request.model = agent_.model;
  request.trace = trace_;
  ChatSink deaf = [](const ChatDelta&) -> Task<Result<void>> { co_return ok(); };
  auto result = co_await model_.chat(std::move(request), std::move(deaf), deadline_);
  if (!result) {
    log::warn("turn.not_summarised", {{"trace_id", trace_.id()}, {"detail", result.error().message()}});
    co_return "";
  }
  progress_.usage += result->usage;
  co_return result->message.text();
}

Task<Result<void>> Turn::end_of_answer() {
  json::object more;
  if (finish_reason_ == FinishReason::length) more["finish_reason"] = json::name_of(finish_reason_);
  if (finish_reason_ == FinishReason::content_filter)
    co_return co_await finish("error_model", std::move(more));
  if (!agent_.output_schema) co_return co_await finish("success", std::move(more));
  auto output = structured_output(*agent_.output_schema, last_answer_);
  if (output) {
    more["structured_output"] = *std::move(output);
    co_return co_await finish("success", std::move(more));
  }
  if (output_retries_++ < kOutputRetriesMax) co_return co_await retry_output(output.error());
  more["problem"] = "structured_output: " + output.error().message();
  co_return co_await finish("error_model", std::move(more));
}

Task<Result<void>> Turn::retry_output(const Error& problem) {
  conversation_.push_back(
      Message::make(ChatRole::user,
                    fmt::format("Your answer cannot be used: {}. Answer again with the corrected JSON alone.",
                                problem.message())));
  auto event = system_event("output.retried", problem.message());
  co_return co_await emit(std::move(event));
}

Task<Result<void>> Turn::end_of_failed_call(Error error) {
  keep_partial_answer();
  const auto limit = deadline_.passed() ? std::string_view("max_seconds") : limit_of_refusal(error);
  if (limit.empty()) co_return co_await finish_failed(std::move(error));
  json::object more{{"limit", limit}};
  if (!deadline_.passed()) {
    more["problem"] = error.message();
    --progress_.num_turns;  // The model was not asked.
  }
  co_return co_await finish("error_budget", std::move(more));
}

std::chrono::milliseconds Turn::active() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::Clock::now() - begin_) +
         std::chrono::milliseconds(progress_.active_ms);
}

std::optional<Limit> Turn::limit_met() const {
  const LoopLimits& limits = agent_.limits;
  if (progress_.num_turns >= limits.max_turns) return Limit{"error_max_turns", "max_turns"};
  if (deadline_.passed()) return Limit{"error_budget", "max_seconds"};
  if (auto met = budget_met({limits.max_tokens, limits.max_usd}, progress_.usage))
    return Limit{"error_budget", met->limit, std::move(met->problem)};
  return std::nullopt;
}

Task<Result<void>> Turn::end_at_limit() {
  auto limit = limit_met();
  if (!limit) co_return ok();
  json::object more{{"limit", limit->name}};
  if (!limit->problem.empty()) more["problem"] = limit->problem;
  co_return co_await finish(limit->subtype, std::move(more));
}

Task<Result<void>> Turn::finish(std::string_view subtype, json::object more) {
  if (std::exchange(is_finished_, true)) co_return ok();
  steering_->close();
  Event event{EventType::result, last_answer_, std::move(more)};
  if (subtype == "error_budget" && !event.metadata.contains("problem"))  // Of the others the budget says it.
    event.metadata["problem"] = seconds_used_up(agent_.limits, active());
  event.metadata["subtype"] = subtype;
  event.metadata["usage"] = json::write(progress_.usage);
  event.metadata["duration_ms"] = active().count();
  event.metadata["num_turns"] = progress_.num_turns;
  co_return co_await emit(std::move(event));
}

Task<Result<void>> Turn::finish_failed(Error error) {
  if (std::exchange(is_finished_, true)) co_return ok();
  steering_->close();
  log::warn("turn.failed", {{"trace_id", trace_.id()}, {"code", error.code()}, {"detail", error.detail()}});
  auto event = error_event(std::string(error.code()), error.message(), is_retryable(error.kind()));
  co_return co_await emit(std::move(event));
}

TurnOutcome Turn::outcome() && {
  progress_.active_ms = active().count();
  conversation_.erase(conversation_.begin(), conversation_.begin() + static_cast<std::ptrdiff_t>(first_new_));
  if (is_finished_) pending_.clear();
  if (!pending_.empty()) progress_.unheard = steering_->take();
  return {std::move(conversation_), std::move(pending_), progress_};
}

}  // namespace

Task<TurnOutcome> run_turn(const AgentSpec& agent, TurnInput input, ChatModel& model, ToolBox& tools,
                           EventSink sink, TraceContext trace) {
  // On a thread of execution of its own, whose cancellation it may use up and still answer.
  Turn turn(agent, std::move(input), model, tools, std::move(sink), std::move(trace));
  auto task = turn.run();
  auto executor = co_await asio::this_coro::executor;
  co_return co_await net::call_on(std::move(executor), std::move(task));
}

}  // namespace isa::sdk
