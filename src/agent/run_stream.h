// The live events of one run: given their place, written to the log, shown to readers, in this order.
#pragma once

#include "base/signal.h"
#include "base/task_group.h"
#include "net/http.h"
#include "sdk/event.h"
#include "store/event_log.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace isa::agent {

struct RunStreamLimits {
  std::size_t events_in_flight = 256;
  std::size_t bytes_max = 64 << 20;
};

// An event becomes visible only after the log has it, so that whatever a client has seen survives kill -9 of
// the platform. While one write is under way further events collect and go with the next: one write per
// group, none per token. Readers are cursors over one buffer: they copy nothing and cannot slow each other or
// the run.
//
// Lives on one event loop.
class RunStream {
 public:
  RunStream(asio::any_io_executor executor, store::EventLog& log, RunId run, SessionId session,
            RunStreamLimits limits);

  // Gives the event the next seq. Waits while events_in_flight are not yet in the log: that is the
  // back-pressure to whoever produces. Errors: the log's, or payload_too_large when the run passed bytes_max;
  // no event can follow then but those of end_with().
  Task<Result<void>> push(sdk::Event event);
  // Waits until every event so far is in the log; its error when it refused one.
  Task<Result<void>> written();
  // Writes the last events and waits until every event is in the log. When the log refuses, the last ones are
  // shown all the same: the RunStore gets them with the rest, and no reader waits for an end that never
  // comes.
  Task<void> end_with(std::vector<sdk::Event> last);
  // Nothing follows: readers that have seen everything are done.
  void close();
  // Nothing follows from this process: the run goes on in another, and readers come back for the rest.
  void let_go();
  // What the log had of it when the platform was started, in order from seq 1. Before anything else.
  void restore(std::vector<store::LoggedEvent> events);

  const RunId& run() const { return run_; }
  bool is_closed() const { return is_closed_; }
  bool is_let_go() const { return is_let_go_; }
  bool is_empty() const { return shown_.empty() && pending_.empty(); }
  // Waits for an event after `seq`, for close(), or for the deadline.
  Task<void> wait_for_more(std::int64_t seq, Deadline deadline);
  // Of the events after `seq` that may be shown, at most `max`, as server-sent events.
  std::vector<net::Frame> frames_after(std::int64_t seq, std::size_t max) const;
  std::vector<store::LoggedEvent> events_after(std::int64_t seq) const;

 private:
  struct Entry {
    store::LoggedEvent logged;
    net::Frame frame;
  };
  void enqueue(const sdk::Event& event);
  void start_flush();
  Task<void> flush();
  void show(std::vector<store::LoggedEvent> events);

  store::EventLog& log_;
  RunId run_;
  SessionId session_;
  RunStreamLimits limits_;
  std::vector<Entry> shown_;  // shown_[i] has seq i + 1.
  std::vector<store::LoggedEvent> pending_;
  std::size_t in_flight_ = 0;  // Pending and being written.
  std::size_t bytes_ = 0;
  std::int64_t next_seq_ = 1;
  std::optional<Error> failure_;
  bool is_flushing_ = false;
  bool is_closed_ = false;
  bool is_let_go_ = false;
  Signal changed_;
  TaskGroup flushing_;
};

// The frame of an event as it goes over the wire, with its id line.
net::Frame sse_frame(const RunId& run, const store::LoggedEvent& event);

}  // namespace isa::agent
