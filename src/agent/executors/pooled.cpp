#include "agent/executors/pooled.h"

#include "agent/skills/delivery.h"
#include "base/log.h"
#include "net/event_loop.h"

#include <boost/asio/cancellation_state.hpp>

#include <exception>

namespace isa::agent {
namespace {

// After the turn's last event its history follows at once; a custom agent sends none and may just hang.
constexpr std::chrono::seconds kHistoryWait{2};
// Leases that are remembered before those that have expired are forgotten.
constexpr std::size_t kHeldMax = 4096;
constexpr std::size_t kErrorBodyMax = 64 << 10;
// The end of a turn waits no longer to learn what it used.
constexpr std::chrono::seconds kSettleWait{5};
// What an agent may send in one run, each event counted with what keeping it costs besides its text.
constexpr std::size_t kRunBytesMax = 64 << 20;
constexpr std::size_t kEventBytes = 256;

// The conversation went on in another sandbox before, or in none.
bool is_without_past(const pool::Acquired& at, const Turn& turn) {
  return !at.resumed && (!turn.history.empty() || turn.resumption);
}

constexpr std::string_view kWithoutPast =
    "The sandbox is new: files and processes that earlier turns of this conversation left are not in it.";

sdk::Event sandbox_acquired(const pool::Acquired& at, const Turn& turn) {
  sdk::Event event{sdk::EventType::system, "", {}};
  event.content = at.resumed ? "Using the session's sandbox." : "A sandbox is ready.";
  if (is_without_past(at, turn)) {
    event.content = kWithoutPast;
    event.metadata["replaced"] = true;
  }
  event.metadata["event"] = "sandbox.acquired";
  event.metadata["instance_id"] = at.instance_id.value();
  event.metadata["wait_ms"] = at.wait_ms;
  event.metadata["warm"] = at.warm;
  event.metadata["resumed"] = at.resumed;
  if (at.cold_reason) event.metadata["cold_reason"] = *at.cold_reason;
  return event;
}

Error too_much_output() {
  return upstream_error(
             "the agent sent more than {} MB in one run and was stopped; it may be caught in a loop",
             kRunBytesMax >> 20)
      .with_code("agent_output_too_large");
}

Error sandbox_lost(std::string detail) {
  return upstream_error(
             "the sandbox stopped before the agent finished; send the message again to use a new one")
      .with_code("sandbox_lost")
      .with_detail(std::move(detail));
}

// The pool speaks of a field of its own, which no chat has.
Error no_deployment(const Turn& turn) {
  return failed_dependency(
             "there is no deployment that agent '{}' may use: its metadata.deployment_id must name one; "
             "until "
             "then use env cloud_shared or cloud_pool",
             turn.agent_id ? turn.agent_id->value() : turn.agent.name)
      .with_code("deployment_not_found");
}

// Of an answer that a sandbox which still lives would not give.
bool is_gone(const Error& error) {
  return error.kind() == ErrorKind::not_found || error.kind() == ErrorKind::service_unavailable ||
         error.kind() == ErrorKind::upstream_error;
}

Result<void> keep_history(std::string_view text, TurnRecord& record) {
  ISA_TRY(auto history, json::parse_as<sdk::RuntimeHistory>(text));
  ISA_TRY(record.new_messages, sdk::messages_from_json(history.new_messages));
  record.usage = history.usage;
  record.pending = std::move(history.pending).value_or(std::vector<sdk::PendingCall>());
  record.progress = history.progress.value_or(sdk::TurnProgress{.num_turns = 0, .usage = history.usage});
  return ok();
}

using NextEvent = Result<std::optional<net::SseEvent>>;

Task<NextEvent> next_of(net::SseReader& events, bool is_finished) {
  if (!is_finished) co_return co_await events.next();
  auto last = co_await with_deadline(Deadline::after(kHistoryWait), events.next());
  if (!last) co_return std::nullopt;  // The turn is over; how its stream ends no longer matters.
  co_return std::move(last);
}

}  // namespace

// However the turn ends, what its sandbox used is asked for and its limits are closed.
Task<Result<void>> PooledExecutor::run(Turn turn, sdk::EventSink sink, TurnRecord& record) {
  co_await enter(turn, record);
  auto earlier = std::exchange(record.usage, std::nullopt);
  Result<void> done = ok();
  std::exception_ptr cut_off;
  std::optional<Held> at;
  try {
    done = co_await converse(turn, sink, record, at);
  } catch (...) {
    cut_off = std::current_exception();
  }
  // Otherwise the next co_await would throw. A cancellation may have come as a value, too.
  const auto state = co_await asio::this_coro::cancellation_state;
  const bool is_cancelled = state.cancelled() != asio::cancellation_type::none;
  if (is_cancelled) co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  // On a thread of execution of its own: one that comes meanwhile is for whoever called us.
  auto executor = co_await asio::this_coro::executor;
  auto left = leave_uncut(turn, std::move(earlier), record);
  co_await net::call_on(std::move(executor), std::move(left));
  if (cut_off) std::rethrow_exception(cut_off);
  if (is_cancelled && done) co_return cancelled("the turn was cut off");
  // A stream that was left breaks off, too: its sandbox lives, and keeps the session's files.
  if (!done && !is_cancelled && at && done.error().code() == "sandbox_lost")
    co_await let_go(turn.session, *at);
  co_return done;
}

Task<void> PooledExecutor::leave_uncut(const Turn& turn, std::optional<sdk::Usage> earlier,
                                       TurnRecord& record) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await leave(turn, std::move(earlier), record);
}

Task<void> PooledExecutor::enter(const Turn& turn, const TurnRecord& record) {
  for (auto found = settling_.find(turn.session); found != settling_.end();
       found = settling_.find(turn.session)) {
    const auto settled = found->second;
    co_await settled->wait();
  }
  auto& window = windows_[turn.session];
  if (window.turns++ > 0) co_return;
  auto& allowance = window.allowance;
  const auto& budget = turn.allowance.budget;
  allowance.run_id = turn.run;
  allowance.max_tokens = budget.max_tokens;
  allowance.max_usd = budget.max_usd;
  if (budget.max_tokens || budget.max_usd) allowance.until = turn.allowance.until;
  allowance.before = turn.allowance.elsewhere;
  allowance.before += record.programs;
  if (turn.resumption) allowance.before += turn.resumption->progress.usage;
}

// The last turn in a sandbox settles for all: what programs used belongs to none of them more than to
// another.
Task<void> PooledExecutor::leave(const Turn& turn, std::optional<sdk::Usage> earlier, TurnRecord& record) {
  auto& window = windows_.at(turn.session);
  const auto before = turn.resumption ? turn.resumption->progress.usage : sdk::Usage{};
  if (record.usage) {
    // The sandbox says it, of all parts of the turn: it cannot take back what it said before.
    const auto used = record.usage->since(before);
    window.agents += used;
    record.usage = before;
    *record.usage += used;
    record.progress.usage = *record.usage;
  } else {
    window.is_split = false;
  }
  if (window.turns > 1) {
    --window.turns;
    if (!record.usage) record.usage = std::move(earlier);
    co_return;
  }
  const auto over = std::move(windows_.extract(turn.session).mapped());
  std::optional<cloud_os::VmModelUse> use;
  if (over.has_sandbox) use = co_await settle(turn.session, turn.run);
  if (use) {
    record.is_counted = true;
    if (use->limit && use->refused_calls > 0) record.met = LimitMet{*use->limit, use->problem};
    const auto beside = use->usage.since(over.agents);
    if (!over.is_split && !record.usage) {
      record.usage = before;
      *record.usage += beside;
    } else if (beside.input_tokens + beside.output_tokens > 0) {
      record.programs += beside;
    }
  }
  if (!record.usage) record.usage = std::move(earlier);
}

Task<std::optional<cloud_os::VmModelUse>> PooledExecutor::settle(SessionId session, RunId run) {
  struct Settling {
    std::map<SessionId, std::shared_ptr<Signal>>& all;
    const SessionId& session;
    ~Settling() {
      const auto done = all.extract(session);
      done.mapped()->notify();
    }
  };
  const auto held = held_.find(session);
  if (held == held_.end()) co_return std::nullopt;
  const auto at = held->second;
  settling_.emplace(session, std::make_shared<Signal>(co_await asio::this_coro::executor));
  const Settling settling{settling_, session};
  auto asked = pool_.settle(pool_type_, at.instance, at.fencing_token, run);
  auto settled = co_await with_deadline(Deadline::after(kSettleWait), std::move(asked));
  if (!settled) {
    log::warn("run.not_settled", {{"run_id", run.value()}, {"detail", settled.error().message()}});
    co_return std::nullopt;
  }
  if (settled->unknown_calls > 0 || settled->refused_calls > 0)
    log::info("run.model_use", {{"run_id", run.value()},
                                {"calls", settled->calls},
                                {"unknown", settled->unknown_calls},
                                {"refused", settled->refused_calls}});
  co_return *std::move(settled);
}

Task<Result<void>> PooledExecutor::converse(const Turn& turn, const sdk::EventSink& sink, TurnRecord& record,
                                            std::optional<Held>& held) {
  if (!turn.skills.missing.empty() && !turn.resumption) {
    auto notice = skills_unavailable(turn.skills.missing);
    ISA_CO_TRYV(co_await sink(std::move(notice)));
  }
  ISA_CO_TRY(auto at, co_await acquire(turn, sink));
  held = held_of(at);
  auto answer = co_await open(at, turn);
  if (!answer && at.resumed && is_gone(answer.error())) {
    // The sandbox that the session had is gone since its last turn. Nothing ran yet: take a new one.
    log::warn("run.sandbox_replaced", {{"run_id", turn.run.value()},
                                       {"trace_id", turn.trace.id()},
                                       {"instance_id", at.instance_id.value()}});
    co_await let_go(turn.session, *held);
    auto fresh = co_await acquire(turn, sink);
    if (!fresh) co_return std::move(fresh).error();
    at = *std::move(fresh);
    held = held_of(at);
    answer = co_await open(at, turn);
  }
  if (!answer) co_return std::move(answer).error();
  // The history of a turn is one event.
  net::SseReader events(std::move(answer->body), kRunBytesMax);
  co_return co_await relay(events, sink, record);
}

Task<Result<void>> PooledExecutor::steer(SessionId session, RunId run, std::string message) {
  const auto held = held_.find(session);
  if (held == held_.end())
    co_return conflict("no turn of this run is under way").with_code("turn_not_running");
  const auto at = held->second;
  sdk::RuntimeChat chat{.message = std::move(message), .run_id = run.value(), .steer = true};
  ISA_CO_TRY(auto answer, co_await pool_.stream(pool_type_, at.instance, at.fencing_token, std::move(chat)));
  const auto body = co_await net::read_all(*answer.body, kErrorBodyMax);
  if (answer.status == 200) co_return ok();
  co_return net::error_of(answer.status, body ? *body : std::string());
}

Task<void> PooledExecutor::forget(SessionId session) {
  const auto held = held_.extract(session);
  if (!held) co_return;
  auto released = co_await pool_.release(pool_type_, held.mapped().instance, held.mapped().fencing_token);
  if (!released)  // The pool ends the lease by itself when it expires.
    log::warn("session.release_failed",
              {{"session_id", session.value()}, {"detail", released.error().message()}});
}

// Another turn of the session may have another sandbox by now, which is none of this one's business.
Task<void> PooledExecutor::let_go(SessionId session, Held at) {
  const auto held = held_.find(session);
  if (held == held_.end() || held->second.fencing_token != at.fencing_token ||
      held->second.instance != at.instance)
    co_return;
  co_await forget(std::move(session));
}

Task<Result<pool::Acquired>> PooledExecutor::acquire(const Turn& turn, const sdk::EventSink& sink) {
  pool::AcquireRequest request{.session_id = turn.session,
                               .user_id = turn.user,
                               .org_id = turn.org,
                               .agent_config_id = turn.agent_id,
                               .timeout = std::chrono::duration<double>(acquire_timeout_).count(),
                               .trace = turn.trace};
  request.allowance = windows_.at(turn.session).allowance;
  if (!turn.egress.empty()) request.config = json::object{{"egress", json::write(turn.egress)}};
  auto acquired = co_await pool_.acquire(pool_type_, std::move(request));
  if (!acquired && acquired.error().param() == "/deployment_id") co_return no_deployment(turn);
  if (!acquired) co_return std::move(acquired).error();
  auto at = *std::move(acquired);
  remember(turn.session, at);
  windows_.at(turn.session).has_sandbox = true;
  auto event = sandbox_acquired(at, turn);
  ISA_CO_TRYV(co_await sink(std::move(event)));
  co_return at;
}

// A sandbox keeps the skills that it was sent. Whether it has them all it says itself.
Task<Result<net::OpenResponse>> PooledExecutor::open(const pool::Acquired& at, const Turn& turn) {
  const bool along = !at.resumed && are_small(turn.skills.skills);
  auto answer = co_await send(at, turn, along);
  if (along || answer || answer.error().code() != "skills_missing") co_return answer;
  co_return co_await send(at, turn, true);
}

Task<Result<net::OpenResponse>> PooledExecutor::send(const pool::Acquired& at, const Turn& turn,
                                                     bool with_skill_files) {
  sdk::RuntimeChat chat{.message = turn.message,
                        .stream = true,
                        .session_id = turn.session.value(),
                        .run_id = turn.run.value(),
                        .agent = turn.agent,
                        .history = sdk::to_json(turn.history),
                        .trace = turn.trace};
  if (turn.resumption)
    chat.resumption = sdk::RuntimeResumption{sdk::to_json(turn.resumption->new_messages),
                                             turn.resumption->answers, turn.resumption->progress};
  if (is_without_past(at, turn) && !turn.agent.tools.empty()) {
    auto& prompt = chat.agent->system_prompt;
    prompt += fmt::format("{}{}", prompt.empty() ? "" : "\n\n", kWithoutPast);
  }
  if (!turn.skills.skills.empty()) {
    ISA_CO_TRY(chat.skills, co_await packed_skills(skills_, turn.skills, with_skill_files));
  }
  ISA_CO_TRY(auto answer,
             co_await pool_.stream(pool_type_, at.instance_id, at.lease.fencing_token, std::move(chat)));
  if (answer.status == 200) co_return answer;
  const auto body = co_await net::read_all(*answer.body, kErrorBodyMax);
  auto error = net::error_of(answer.status, body ? *body : std::string());
  if (error.code() == "skills_missing") co_return error;
  log::warn("run.agent_refused", {{"run_id", turn.run.value()},
                                  {"trace_id", turn.trace.id()},
                                  {"status", answer.status},
                                  {"detail", error.message()}});
  co_return error;
}

// Until the stream ends. Lines that are no event of ours (a custom agent may send anything) are passed over.
Task<Result<void>> PooledExecutor::relay(net::SseReader& events, const sdk::EventSink& sink,
                                         TurnRecord& record) {
  bool is_finished = false;
  std::size_t received = 0;
  for (;;) {
    auto next = co_await next_of(events, is_finished);
    if (!next) co_return sandbox_lost(next.error().message());
    if (!*next || (*next)->data == "[DONE]") break;
    const auto& line = **next;
    received += line.data.size() + kEventBytes;
    if (received > kRunBytesMax) co_return too_much_output();
    if (line.event == "history") {
      if (auto kept = keep_history(line.data, record); !kept)
        log::warn("run.history_unreadable", {{"detail", kept.error().message()}});
      continue;
    }
    auto event = sdk::event_from_wire(line.data);
    if (!event) {
      log::debug("run.event_unreadable", {{"detail", event.error().message()}});
      continue;
    }
    is_finished = is_finished || event->is_terminal();
    ISA_CO_TRYV(co_await sink(*std::move(event)));
  }
  if (is_finished) record.pending.clear();
  if (!is_finished && record.pending.empty()) co_return sandbox_lost("the stream ended without a result");
  co_return ok();
}

void PooledExecutor::remember(const SessionId& session, const pool::Acquired& lease) {
  // A lease that is in use is renewed behind our back: an hour past its first end it has surely gone.
  if (held_.size() >= kHeldMax)
    std::erase_if(held_,
                  [](const auto& held) { return held.second.expires_at + std::chrono::hours(1) < now(); });
  held_.insert_or_assign(session, held_of(lease));
}

}  // namespace isa::agent
