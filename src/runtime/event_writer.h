// The SSE side of a chat: one event, one write, at once; a comment when there is nothing to say.
#pragma once

#include "net/http.h"
#include "sdk/event.h"
#include "sdk/loop.h"

#include <boost/asio/steady_timer.hpp>

namespace isa::runtime {

// Serializes the events of the loop and the heartbeat, which come from two coroutines of one event loop.
class EventWriter {
 public:
  EventWriter(net::BodyWriter& to, const asio::any_io_executor& executor);

  Task<Result<void>> send(sdk::Event event);
  // What the platform stores, and the end of the stream.
  Task<Result<void>> send_history(sdk::TurnOutcome outcome);
  // Keeps the connection alive; ends only when it is cancelled or the reader has left.
  Task<void> heartbeat();

 private:
  Task<Result<void>> write(std::string text);

  net::BodyWriter& to_;
  bool is_writing_ = false;
  Deadline::Clock::time_point last_ = Deadline::Clock::now();
  asio::steady_timer written_;  // Cancelled, i.e. signalled, when a write has ended.
};

}  // namespace isa::runtime
