#include "agent/run_engine.h"

#include "agent/pending_calls.h"
#include "agent/session_start.h"
#include "agent/teams/team_state.h"
#include "base/log.h"

#include <boost/system/system_error.hpp>

namespace isa::agent {
namespace {

// A hung tool or a custom agent does not look at its limit itself; the platform does, a little later.
constexpr std::chrono::seconds kTurnGrace{15};
// How often the end of a run is offered to a store that refuses it, each time after twice the wait.
constexpr int kStoreAttempts = 6;
constexpr std::chrono::milliseconds kStoreRetryWait{100};

sdk::Event hello(const LiveRun& run) {
  auto event = session_start(run.row, !run.order.is_new_session);
  if (!run.order.metadata.empty()) event.metadata["metadata"] = run.order.metadata;
  return event;
}

sdk::Event queued(std::size_t ahead) {
  sdk::Event event{sdk::EventType::system, "", {}};
  event.content = "Waiting for the runs of this session that came before.";
  event.metadata["event"] = "queued";
  event.metadata["ahead"] = ahead;
  return event;
}

// It has not begun.
bool is_queued(const LiveRun& run) {
  return run.row.state == store::RunState::queued;
}

std::int64_t millis_since(Timestamp start) {
  return (now() - start).count();
}

}  // namespace

RunEngine::RunEngine(asio::any_io_executor executor, Parts parts, AgentServiceConfig config)
    : executor_(executor),
      parts_(std::move(parts)),
      config_(std::move(config)),
      pause_(parts_.runs, parts_.approvals),
      registry_(executor),
      hand_over_(executor, registry_, parts_.runs, parts_.executors, parts_.teams),
      runs_(executor) {}

Result<std::shared_ptr<LiveRun>> RunEngine::start(RunOrder order) {
  if (is_stopping_)
    return service_unavailable("the platform is stopping; send the message again in a moment");
  if (std::cmp_greater(registry_.of_session(order.session.id).size(), config_.max_queued_runs))
    return make_error(ErrorKind::rate_limit_exceeded, "session {} has {} runs waiting; wait for one to end",
                      order.session.id.value(), config_.max_queued_runs)
        .with_retry_after(std::chrono::seconds(1));
  if (std::cmp_greater_equal(registry_.size(), config_.max_live_runs))
    return service_unavailable("the platform runs {} chats, its limit (agent.max_live_runs); try again later",
                               config_.max_live_runs)
        .with_retry_after(std::chrono::seconds(5));
  const RunStreamLimits limits{static_cast<std::size_t>(config_.max_events_in_flight),
                               static_cast<std::size_t>(config_.max_run_bytes)};
  auto run = std::make_shared<LiveRun>(executor_, parts_.log, std::move(order), limits);
  registry_.add(run);
  runs_.spawn("run " + run->id.value(), drive(run));
  return run;
}

void RunEngine::revive(WaitingRun waiting, Continuation from) {
  const RunStreamLimits limits{static_cast<std::size_t>(config_.max_events_in_flight),
                               static_cast<std::size_t>(config_.max_run_bytes)};
  auto run = std::make_shared<LiveRun>(executor_, parts_.log, std::move(from.order), limits);
  run->row = std::move(waiting.row);
  run->record = std::move(from.record);
  for (auto& text : from.unheard) run->unheard.push_back({0, std::move(text), false});
  run->accepted = ok();
  run->place = waiting.place;
  if (waiting.speaks_to && registry_.find(*waiting.speaks_to)) run->speech = Speech{.to = *waiting.speaks_to};
  run->is_revived = run->row.state != store::RunState::queued;
  run->is_kept = run->row.state == store::RunState::running;
  if (run->is_revived) run->recorder.restore(waiting.events);
  run->asked = asked_in(waiting.events);
  run->stream.restore(std::move(waiting.events));
  registry_.add(run);
  runs_.spawn("run " + run->id.value(), drive(run));
}

Task<Result<void>> RunEngine::accepted(std::shared_ptr<LiveRun> run) {
  while (!run->accepted) co_await run->changed.wait();
  co_return *run->accepted;
}

Task<bool> RunEngine::ended(std::shared_ptr<LiveRun> run, Deadline deadline) {
  while (!run->ending && !deadline.passed()) co_await run->changed.wait(deadline);
  co_return run->ending.has_value();
}

Task<bool> RunEngine::ended_or_waiting(std::shared_ptr<LiveRun> run) {
  while (!run->ending && !run->is_waiting()) co_await run->changed.wait();
  co_return run->ending && !run->stream.is_let_go();
}

Task<void> RunEngine::forget_session(SessionId session) {
  for (const auto& run : registry_.of_session(session)) {
    run->request_stop(StopReason::asked);
    while (registry_.find(run->id)) co_await run->changed.wait();
  }
  for (const auto& [env, executor] : parts_.executors) co_await executor->forget(session);
  co_await parts_.teams.forget(session);
}

Task<void> RunEngine::stop() {
  is_stopping_ = true;
  for (const auto& run : registry_.all())
    if (run->is_waiting() || (is_queued(*run) && registry_.ahead_of(*run) > 0))
      run->request_stop(StopReason::platform);
  co_await registry_.wait_until_empty(Deadline::after(config_.drain_timeout));
  for (const auto& run : registry_.all()) run->request_stop(StopReason::platform);
  co_await runs_.join();
  co_await hand_over_.stop();
}

Task<void> RunEngine::drive(std::shared_ptr<LiveRun> run) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  try {
    if (!run->accepted) run->accepted = co_await create_rows(*run);
    run->changed.notify();
    if (*run->accepted) co_await live(*run);
  } catch (const std::exception& e) {  // A bug. The next start of the platform ends the run in the store.
    log::error("run.abandoned",
               {{"run_id", run->id.value()}, {"trace_id", run->order.trace.id()}, {"detail", e.what()}});
    auto error = internal_error("the run failed because of an internal error");
    if (!run->accepted) run->accepted = Failure(error);
    if (!run->ending) run->ending = ending_of({.error = std::move(error)});
    run->stream.close();
  }
  hand_over_.release(*run);
  say_by_itself(*run);
  registry_.remove(*run);
  run->changed.notify();
}

// What was said to a turn that ended without having heard it is a run of its own, as a queued message would
// be.
void RunEngine::say_by_itself(LiveRun& run) {
  if (run.stop != StopReason::none) return;
  for (auto& word : run.unheard) {
    if (word.is_offered) continue;  // Who says it will be told that the run is over.
    if (auto own = start(order_after(run, std::move(word.text))); !own)
      log::warn("run.word_lost", {{"run_id", run.id.value()}, {"detail", own.error().message()}});
  }
}

Task<void> RunEngine::live(LiveRun& run) {
  if (!run.is_revived) co_await begin(run);
  if (run.stop == StopReason::none && !run.turn_error) {
    run.turn.spawn("turn of " + run.id.value(), turn(run));
    co_await run.turn.join();
  }
  const bool waits = run.is_waiting() || (is_queued(run) && !run.turn_error && !run.order.ends_with_reader);
  const bool has_tasks_left = run.is_kept && !run.turn_error && !run.recorder.terminal();
  if ((waits || has_tasks_left) && run.stop == StopReason::platform)
    co_await let_go(run);
  else
    co_await finish(run);
}

// The store has all that the next start needs.
Task<void> RunEngine::let_go(LiveRun& run) {
  log::info("run.waits_on", {{"run_id", run.id.value()}, {"trace_id", run.order.trace.id()}});
  const auto* where = is_queued(run)     ? "waits in its session's queue"
                      : run.is_waiting() ? "waits for a decision"
                                         : "has tasks left";
  auto stopped =
      service_unavailable("the platform stops while the run {}; it goes on when the platform is back", where);
  co_await run.stream.let_go();
  run.ending = ending_of({.error = std::move(stopped)});
}

// The row is there before the first event: a crash leaves no event that belongs to nothing.
Task<Result<void>> RunEngine::create_rows(LiveRun& run) {
  ISA_CO_TRYV(co_await ensure_session(run));
  const auto& order = run.order;
  run.row = store::Run{.id = run.id,
                       .session_id = order.session.id,
                       .owner_id = order.identity.user,
                       .agent_config_id = order.session.agent_config_id,
                       .agent_version = order.session.agent_version,
                       .team_id = order.team ? order.team->id : std::nullopt,
                       .team_version = order.team ? order.team->version : std::nullopt,
                       .message = order.message,
                       .created_at = now()};
  // A run that waits for nobody begins with its row: one commit instead of two before its first event.
  if (registry_.ahead_of(run) == 0 && run.stop == StopReason::none) {
    run.row.state = store::RunState::running;
    run.row.started_at = run.row.created_at;
    co_return co_await parts_.runs.create(run.row);
  }
  std::optional<store::QueueEntry> entry;
  if (!order.ends_with_reader) entry = store::QueueEntry{write_order(order), run.place, std::nullopt};
  co_return co_await parts_.runs.create(run.row, std::move(entry));
}

Task<Result<void>> RunEngine::ensure_session(LiveRun& run) {
  auto& order = run.order;
  if (!order.is_new_session) co_return ok();
  auto created = co_await parts_.sessions.create(order.session);
  if (created || created.error().kind() != ErrorKind::conflict) co_return created;
  // Taken: meanwhile by another chat of the same user, which is fine; by somebody else or by a session that
  // was deleted, which is a not_found.
  ISA_CO_TRY(auto other, co_await parts_.sessions.find(order.identity, order.session.id));
  if (other.agent_config_id != order.session.agent_config_id)
    co_return conflict("session {} was begun with another agent", other.id.value());
  order.session = std::move(other);
  order.is_new_session = false;
  co_return ok();
}

Task<Result<void>> RunEngine::say_hello(LiveRun& run) {
  if (!run.stream.is_empty()) co_return ok();  // Before a restart.
  ISA_CO_TRYV(co_await run.stream.push(hello(run)));
  if (const auto ahead = registry_.ahead_of(run); ahead > 0)
    ISA_CO_TRYV(co_await run.stream.push(queued(ahead)));
  co_return ok();
}

// Waits until the session's earlier runs are over. While the platform stops nothing begins any more.
Task<void> RunEngine::begin(LiveRun& run) {
  if (auto said = co_await say_hello(run); !said) run.turn_error = std::move(said).error();
  while (registry_.ahead_of(run) > 0 && run.stop == StopReason::none) co_await run.changed.wait();
  if (is_stopping_ && is_queued(run)) run.request_stop(StopReason::platform);
  if (run.stop != StopReason::none || run.turn_error) co_return;
  if (run.row.state == store::RunState::running) co_return;
  run.row.started_at = now();
  run.row.state = store::RunState::running;
  if (auto marked = co_await parts_.runs.mark_running(run.id, *run.row.started_at); !marked)
    run.turn_error = std::move(marked).error();
}

// Every way out of a turn becomes a value here. It may be cancelled at any co_await.
Task<void> RunEngine::turn(LiveRun& run) {
  try {
    // One that was told to stop did not fail.
    if (auto done = co_await execute(run); !done && run.stop == StopReason::none)
      run.turn_error = std::move(done).error();
  } catch (const boost::system::system_error& e) {
    if (e.code() != asio::error::operation_aborted || run.stop == StopReason::none)
      run.turn_error = internal_error("the run failed because of an internal error").with_detail(e.what());
  } catch (const std::exception& e) {
    run.turn_error = internal_error("the run failed because of an internal error").with_detail(e.what());
  }
  if (run.recorder.failure()) run.turn_error = run.recorder.failure();
}

// The parts of the turn, one after the other: between two of them it waits for people. What a sandbox says of
// them is not believed: neither for how long it worked nor that there is an end.
Task<Result<void>> RunEngine::execute(LiveRun& run) {
  const auto found = parts_.executors.find(run.order.env);
  if (found == parts_.executors.end())
    co_return not_implemented("this platform cannot run agents with env {}", json::name_of(run.order.env));
  TurnExecutor& place = run.order.team ? parts_.teams : *found->second;
  ISA_CO_TRY(const auto turn, co_await turn_of(run));
  bool is_stored = run.is_waiting();
  if (!is_stored) {
    auto first = turn;
    if (run.is_revived) {
      ISA_CO_TRYV(co_await cut_off_calls(run));
      first.team_state = run.record.team_state;
      run.record.pending.clear();
    }
    ISA_CO_TRYV(co_await execute_part(place, run, std::move(first)));
  }
  for (int parts = 1; !run.record.pending.empty() && !run.recorder.terminal(); ++parts) {
    ISA_CO_TRYV(check_pending(parts, run.record.pending, run.record.origins));
    hand_over_.take_back(run);
    auto answers = co_await pause_.settle(run, run.record.pending, std::exchange(is_stored, false));
    if (!answers) co_return std::move(answers).error();
    run.record.pending.clear();
    run.record.progress.unheard.clear();  // hand_over_ knows better: some of it was taken back.
    Turn next = turn;
    next.resumption = sdk::Resumption{run.record.new_messages.value_or(std::vector<sdk::Message>()),
                                      *std::move(answers), run.record.progress};
    next.resumption->progress.unheard = hand_over_.said_to(run);
    next.team_state = run.record.team_state;
    next.origins = std::exchange(run.record.origins, {});
    ISA_CO_TRYV(co_await execute_part(place, run, std::move(next)));
  }
  co_return ok();
}

Task<Result<Turn>> RunEngine::turn_of(LiveRun& run) {
  const auto& order = run.order;
  ISA_CO_TRY(const auto past, co_await parts_.sessions.messages(order.identity, order.session.id));
  Turn turn{run.id,
            order.session.id,
            order.identity.user,
            order.org,
            order.session.agent_config_id,
            order.env,
            order.agent,
            {},
            order.message,
            order.trace,
            order.egress};
  turn.team = order.team;
  turn.skills = order.skills;
  const auto& limits = order.agent.limits;
  turn.allowance.budget = order.team ? order.team->budget() : sdk::Budget{limits.max_tokens, limits.max_usd};
  if (turn.team)
    turn.keep = [this, &run](json::object team_state) { return keep(run, std::move(team_state)); };
  turn.unheard = [this, &run] { return hand_over_.said_to(run); };
  for (const auto& one : past) {
    ISA_CO_TRY(auto message, sdk::message_from_json(one.message));
    turn.history.push_back(std::move(message));
  }
  co_return turn;
}

Task<Result<void>> RunEngine::execute_part(TurnExecutor& place, LiveRun& run, Turn turn) {
  sdk::EventSink sink = [this, &run](sdk::Event event) {
    return is_steered(event) ? hand_over_.hear(run, std::move(event)) : run.recorder.take(std::move(event));
  };
  const auto seconds = run.order.agent.limits.max_seconds;
  // An agent's loop keeps to its limit by itself, and says what came of it; a team's members know only their
  // own.
  const auto grace = run.order.team ? std::chrono::milliseconds(0) : config_.acquire_timeout + kTurnGrace;
  const auto limit = std::chrono::seconds(seconds) + grace - run.worked;
  const auto begin = Deadline::Clock::now();
  const auto deadline = Deadline::after(limit);
  turn.allowance.until = now() + std::chrono::duration_cast<std::chrono::milliseconds>(limit);
  auto part = place.run(std::move(turn), std::move(sink), run.record);
  auto done = co_await with_deadline(
      deadline, std::move(part), fmt::format("the agent did not finish within its limit of {} s", seconds));
  run.worked += Deadline::Clock::now() - begin;
  if (!done && run.order.team && deadline.passed() && run.stop == StopReason::none)
    co_return co_await run.recorder.take(out_of_time(seconds, run.recorder.text()));
  co_return done;
}

// What of a turn was under way when the platform died has no result any more.
Task<Result<void>> RunEngine::cut_off_calls(LiveRun& run) {
  if (!run.order.team || !run.record.team_state) co_return ok();
  const auto waiting = calls_yet_to_ask(run.order.team->spec, *run.record.team_state);
  auto events = run.recorder.open_calls().cut_off(waiting);
  for (auto& event : events) ISA_CO_TRYV(co_await run.recorder.take(std::move(event)));
  co_return ok();
}

Task<Result<void>> RunEngine::keep(LiveRun& run, json::object team_state) {
  run.record.team_state = std::move(team_state);
  auto continuation = write_continuation(run, {});
  auto kept = co_await parts_.runs.checkpoint(run.id, std::move(continuation));
  run.is_kept = kept.has_value();
  co_return kept;
}

Task<void> RunEngine::finish(LiveRun& run) {
  if (run.turn_error)
    log::warn("run.turn_failed", {{"run_id", run.id.value()},
                                  {"trace_id", run.order.trace.id()},
                                  {"code", run.turn_error->code()},
                                  {"detail", run.turn_error->message() + " " + run.turn_error->detail()}});
  run.recorder.stop();
  TurnFacts facts{.stop = run.stop,
                  .terminal = run.recorder.terminal(),
                  .error = run.turn_error,
                  .text = run.recorder.text(),
                  .usage = run.record.usage,
                  .programs = run.record.programs,
                  .is_counted = run.record.is_counted,
                  .met = run.record.met,
                  .duration_ms = millis_since(run.row.created_at)};
  // Otherwise say_by_itself() does.
  if (run.stop != StopReason::none)
    for (const auto& word : run.unheard) facts.unheard.push_back(word.text);
  auto ending = ending_of(std::move(facts));
  auto last = run.recorder.open_calls().cut_off();
  for (auto& call : last)
    if (run.is_waiting() || run.recorder.open_tasks().waits(call)) say_not_run(call);
  for (auto& task : run.recorder.open_tasks().cut_off(why_cut_off(run.stop))) last.push_back(std::move(task));
  add_report(ending, run.recorder.open_tasks());
  last.push_back(ending.terminal);
  last.push_back(ending.session_end);
  co_await run.stream.end_with(std::move(last));
  co_await store_end(run, ending);
  log::info("run.ended", {{"run_id", run.id.value()},
                          {"trace_id", run.order.trace.id()},
                          {"state", json::name_of(ending.state)},
                          {"code", failure_code(ending)},
                          {"duration_ms", millis_since(run.row.created_at)}});
  run.ending = std::move(ending);
  run.stream.close();
}

Task<void> RunEngine::store_end(LiveRun& run, const RunEnding& ending) {
  run.row.state = ending.state;
  run.row.response = ending.response;
  if (ending.failure) run.row.error_code = std::string(ending.failure->code());
  run.row.usage = ending.usage;
  run.row.ended_at = now();
  std::vector<store::SessionMessage> history;
  // What a stop of the platform cut off stays said, as after a crash (recovery.cpp).
  if (run.recorder.has_begun() || run.stop == StopReason::platform)
    history = history_of(run.id, *run.row.ended_at, run.order.message, std::move(run.record.new_messages),
                         run.stream.events_after(0));
  auto wait = kStoreRetryWait;
  for (int attempt = 1;; ++attempt) {
    const auto stored = co_await parts_.runs.finish(run.row, run.stream.events_after(0), history);
    if (stored) break;
    log::error("run.not_stored", {{"run_id", run.id.value()},
                                  {"trace_id", run.order.trace.id()},
                                  {"detail", stored.error().detail()}});
    // The log keeps it then, and the next start of the platform stores it.
    if (attempt == kStoreAttempts) co_return;
    co_await sleep_for(wait);
    wait *= 2;
  }
  if (const auto released = co_await parts_.log.release(run.id); !released)
    log::warn("run.not_released", {{"run_id", run.id.value()},
                                   {"trace_id", run.order.trace.id()},
                                   {"detail", released.error().detail()}});
}

}  // namespace isa::agent
