#include "agent/recovery.h"

#include "agent/open_calls.h"
#include "agent/run_continuation.h"
#include "agent/run_ending.h"
#include "agent/session_start.h"
#include "agent/turn_recorder.h"
#include "base/log.h"
#include "store/scope.h"

#include <map>
#include <set>

namespace isa::agent {
namespace {

using Events = std::vector<store::LoggedEvent>;

// In order of seq without holes. Of two events with one seq the later was shown: the log refused the first.
Events in_order(const Events& logged) {
  std::map<std::int64_t, store::LoggedEvent> by_seq;
  for (const auto& event : logged) by_seq[event.seq] = event;
  Events events;
  for (auto& [seq, event] : by_seq) {
    if (std::cmp_not_equal(seq, events.size() + 1)) break;
    events.push_back(std::move(event));
  }
  return events;
}

// What the logged events tell of a run.
struct Remains {
  bool has_start = false;
  bool has_end = false;
  std::optional<sdk::Event> terminal;
  SaidText said;
  std::set<RunId> spoken;  // Queued runs whose messages it has heard.
  OpenCalls open_calls;
  OpenTasks open_tasks;
};

Remains look_at(const store::Run& run, const Events& events) {
  Remains remains;
  for (const auto& logged : events) {
    auto event = sdk::event_from_wire(*logged.json);
    if (!event) {
      log::warn("recovery.event_unreadable", {{"run_id", run.id.value()}, {"seq", logged.seq}});
      continue;
    }
    using sdk::EventType;
    remains.has_start = remains.has_start || event->type == EventType::session_start;
    remains.has_end = remains.has_end || event->type == EventType::session_end;
    remains.said.add(*event);
    if (is_steered(*event)) {
      const auto* queued = event->metadata.if_contains("queued_run_id");
      if (queued && queued->is_string()) remains.spoken.emplace(std::string(queued->get_string()));
    }
    remains.open_calls.see(*event);
    remains.open_tasks.see(*event);
    if (event->is_terminal()) remains.terminal = std::move(*event);
  }
  return remains;
}

// From the first logged event to the last: how long the platform was down does not count.
std::int64_t duration_ms(const Events& events) {
  const auto time_of = [](const store::LoggedEvent& event) -> std::optional<Timestamp> {
    const auto document = json::parse(*event.json);
    if (!document || !document->is_object()) return std::nullopt;
    const auto* text = document->get_object().if_contains("timestamp");
    if (!text || !text->is_string()) return std::nullopt;
    const auto time = parse_rfc3339(text->get_string());
    return time ? std::optional(*time) : std::nullopt;
  };
  if (events.empty()) return 0;
  const auto first = time_of(events.front());
  const auto last = time_of(events.back());
  return first && last ? (*last - *first).count() : 0;
}

class Writer {
 public:
  Writer(const store::Run& run, Events& events) : run_(run), events_(events) {}
  void add(const sdk::Event& event) {
    const auto seq = static_cast<std::int64_t>(events_.size()) + 1;
    auto json =
        std::make_shared<const std::string>(sdk::to_wire(event, run_.id, seq, run_.session_id, now()));
    events_.push_back({seq, std::move(json)});
  }

 private:
  const store::Run& run_;
  Events& events_;
};

// Whether its session has had a run before.
Task<Result<bool>> has_earlier(store::RunStore& runs, const store::Run& run) {
  Identity platform{.user = UserId(std::string(store::kPlatformUser)), .orgs = {}, .is_internal = true};
  ISA_CO_TRY(const auto all, co_await runs.list(std::move(platform), run.session_id));
  co_return !all.empty() && all.front().id != run.id;
}

void complete(const store::Run& run, Remains& remains, RunEnding& ending, StopReason stop, Events& events) {
  Writer writer(run, events);
  if (!remains.terminal) {
    for (const auto& event : remains.open_calls.cut_off()) writer.add(event);
    for (const auto& event : remains.open_tasks.cut_off(why_cut_off(stop))) writer.add(event);
    add_report(ending, remains.open_tasks);
    writer.add(ending.terminal);
  }
  if (!remains.has_end) writer.add(ending.session_end);
}

// `events` in order.
Task<Result<void>> end_run(store::RunStore& runs, store::EventLog& log, store::Run run, Events events,
                           StopReason stop = StopReason::platform) {
  const auto known = events.size();
  auto remains = look_at(run, events);
  // It had not begun, and its end says that its message is not its own to say: it was taken out of the queue,
  // or is another's.
  const bool is_mute =
      run.state == store::RunState::queued && (remains.terminal || stop == StopReason::steered);
  auto ending = ending_of({.stop = stop,
                           .terminal = remains.terminal,
                           .text = remains.said.text(),
                           .duration_ms = duration_ms(events)});
  if (!remains.has_start) {
    ISA_CO_TRY(const bool is_resumed, co_await has_earlier(runs, run));
    Writer(run, events).add(session_start(run, is_resumed));
  }
  complete(run, remains, ending, stop, events);
  if (events.size() > known) {
    Events added(events.begin() + static_cast<std::ptrdiff_t>(known), events.end());
    ISA_CO_TRYV(co_await log.append(run.id, std::move(added)));
  }
  run.state = ending.state;
  run.response = ending.response;
  if (ending.failure) run.error_code = std::string(ending.failure->code());
  run.usage = ending.usage;
  run.ended_at = now();
  // Whoever sent the message was told that it had been taken.
  std::vector<store::SessionMessage> history;
  if (!is_mute) history = history_of(run.id, *run.ended_at, run.message, std::nullopt, events);
  const auto id = run.id;
  ISA_CO_TRYV(co_await runs.finish(std::move(run), std::move(events), std::move(history)));
  co_return co_await log.release(id);
}

// The runs one after the other, those that have begun first: so it is known what they have heard when the
// queued ones come.
class Recovery {
 public:
  Recovery(store::RunStore& runs, store::EventLog& log) : runs_(runs), log_(log) {}

  Task<Result<void>> take(store::Run run, Events events) {
    const auto remains = look_at(run, events);
    spoken_.insert(remains.spoken.begin(), remains.spoken.end());
    auto stop = StopReason::platform;
    if (!remains.terminal) {
      ISA_CO_TRY(auto waiting, co_await waiting_of(run, remains.has_start));
      if (waiting && waiting->speaks_to) {
        ISA_CO_TRY(const bool is_heard, co_await has_heard(*waiting->speaks_to, run.id));
        if (is_heard) stop = StopReason::steered;
      }
      if (waiting && stop != StopReason::steered) {
        waiting->events = std::move(events);
        report.waiting.push_back(*std::move(waiting));
        co_return ok();
      }
    }
    ++report.ended;
    co_return co_await end_run(runs_, log_, std::move(run), std::move(events), stop);
  }

  RecoveryReport report;

 private:
  // Nothing of a run that was cut off for good, or of which the store does not know how to go on.
  Task<Result<std::optional<WaitingRun>>> waiting_of(const store::Run& run, bool has_start) {
    std::optional<WaitingRun> waiting;
    if (run.state == store::RunState::waiting || run.state == store::RunState::running) {
      ISA_CO_TRY(auto document, co_await runs_.continuation(run.id));
      const bool goes_on =
          document && (run.state == store::RunState::waiting || (has_start && survives_a_crash(*document)));
      if (goes_on) waiting = WaitingRun{.row = run, .document = *std::move(document), .events = {}};
    } else if (run.state == store::RunState::queued) {
      ISA_CO_TRY(auto entry, co_await runs_.queue_entry(run.id));
      if (entry)
        waiting = WaitingRun{.row = run,
                             .document = std::move(entry->order),
                             .events = {},
                             .place = entry->place,
                             .speaks_to = std::move(entry->speaks_to)};
    }
    co_return waiting;
  }

  Task<Result<bool>> has_heard(const RunId& hearer, const RunId& queued) {
    if (spoken_.contains(queued)) co_return true;
    // A recovery before this one, which was cut off itself, may have ended it.
    ISA_CO_TRY(const auto events, co_await runs_.events(hearer, 0));
    store::Run ended;
    ended.id = hearer;
    co_return look_at(ended, events).spoken.contains(queued);
  }

  store::RunStore& runs_;
  store::EventLog& log_;
  std::set<RunId> spoken_;
};

}  // namespace

Task<Result<RecoveryReport>> recover_runs(store::RunStore& runs, store::EventLog& log) {
  ISA_CO_TRY(auto logged, co_await log.recover());
  ISA_CO_TRY(auto unfinished, co_await runs.unfinished());
  Recovery recovery(runs, log);
  for (auto& run : unfinished) {
    Events events;
    if (const auto found = logged.extract(run.id)) events = in_order(found.mapped());
    ISA_CO_TRYV(co_await recovery.take(std::move(run), std::move(events)));
  }
  auto report = std::move(recovery.report);
  for (const auto& [id, events] : logged) {
    ISA_CO_TRYV(co_await log.release(id));
    ++report.released;
  }
  co_return report;
}

Task<Result<void>> give_up(store::RunStore& runs, store::EventLog& log, WaitingRun run) {
  co_return co_await end_run(runs, log, std::move(run.row), std::move(run.events));
}

}  // namespace isa::agent
