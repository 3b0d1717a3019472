#include "agent/recovery.h"

#include "agent/open_calls.h"
#include "agent/run_continuation.h"
#include "agent/run_ending.h"
#include "base/log.h"

#include <algorithm>

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
  std::string text;
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
    if (event->type == EventType::text && event->content) remains.text += *event->content;
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

void complete(const store::Run& run, Remains& remains, RunEnding& ending, Events& events) {
  Writer writer(run, events);
  if (!remains.has_start) writer.add(sdk::Event{sdk::EventType::session_start, "", {}});
  if (!remains.terminal) {
    for (const auto& event : remains.open_calls.cut_off()) writer.add(event);
    for (const auto& event : remains.open_tasks.cut_off(why_cut_off(StopReason::platform))) writer.add(event);
    add_report(ending, remains.open_tasks);
    writer.add(ending.terminal);
  }
  if (!remains.has_end) writer.add(ending.session_end);
}

Task<Result<void>> end_run(store::RunStore& runs, store::EventLog& log, store::Run run, Events logged) {
  auto events = in_order(logged);
  const auto known = events.size();
  auto remains = look_at(run, events);
  auto ending = ending_of({.stop = StopReason::platform,
                           .terminal = remains.terminal,
                           .text = remains.text,
                           .duration_ms = duration_ms(events)});
  complete(run, remains, ending, events);
  if (events.size() > known) {
    Events added(events.begin() + static_cast<std::ptrdiff_t>(known), events.end());
    ISA_CO_TRYV(co_await log.append(run.id, std::move(added)));
  }
  run.state = ending.state;
  run.response = ending.response;
  if (ending.failure) run.error_code = std::string(ending.failure->code());
  run.usage = ending.usage;
  run.ended_at = now();
  // Also of a run that still waited: whoever sent the message was told that it had been taken.
  auto history = history_of(run.id, *run.ended_at, run.message, std::nullopt, remains.text);
  const auto id = run.id;
  ISA_CO_TRYV(co_await runs.finish(std::move(run), std::move(events), std::move(history)));
  co_return co_await log.release(id);
}

// A run that said its last word has only to be stored.
bool goes_on(const store::Run& run, const json::object& continuation, const Events& logged) {
  if (!survives_a_crash(continuation)) return false;
  const auto remains = look_at(run, in_order(logged));
  return remains.has_start && !remains.terminal && !remains.has_end;
}

}  // namespace

Task<Result<RecoveryReport>> recover_runs(store::RunStore& runs, store::EventLog& log) {
  RecoveryReport report;
  ISA_CO_TRY(auto logged, co_await log.recover());
  ISA_CO_TRY(auto unfinished, co_await runs.unfinished());
  // Oldest first: a session's history grows in the order of its runs.
  std::ranges::sort(unfinished, {}, [](const store::Run& run) { return std::pair(run.created_at, run.id); });
  for (auto& run : unfinished) {
    Events events;
    if (auto found = logged.extract(run.id)) events = std::move(found.mapped());
    const bool is_waiting = run.state == store::RunState::waiting;
    if (is_waiting || run.state == store::RunState::running) {
      ISA_CO_TRY(auto continuation, co_await runs.continuation(run.id));
      if (continuation && (is_waiting || goes_on(run, *continuation, events))) {
        auto& list = is_waiting ? report.waiting : report.cut_off;
        list.push_back({std::move(run), *std::move(continuation), in_order(events)});
        continue;
      }
    }
    ISA_CO_TRYV(co_await end_run(runs, log, std::move(run), std::move(events)));
    ++report.ended;
  }
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
