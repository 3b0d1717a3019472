#pragma once

#include "base/signal.h"
#include "sdk/event.h"

#include <boost/asio/cancellation_signal.hpp>

#include <deque>
#include <memory>

namespace isa::sdk {

// The events of one query, as they come. Whoever pulls too slowly slows the query down: at most kAhead events
// are kept. Dropping the stream cancels the query. Lives on one event loop.
class EventStream {
 public:
  static constexpr std::size_t kAhead = 64;

  // The query's end of it.
  class Source {
   public:
    explicit Source(asio::any_io_executor executor)
        : changed_(std::move(executor)), cancellation_(std::make_shared<asio::cancellation_signal>()) {}
    // Waits until there is room; an error when nobody reads any more.
    Task<Result<void>> push(Event event);
    void close();
    const std::shared_ptr<asio::cancellation_signal>& cancellation() const { return cancellation_; }

   private:
    friend EventStream;
    std::deque<Event> events_;
    Signal changed_;
    std::shared_ptr<asio::cancellation_signal> cancellation_;
    bool is_closed_ = false;
    bool is_abandoned_ = false;
  };

  explicit EventStream(std::shared_ptr<Source> source) : source_(std::move(source)) {}
  EventStream(EventStream&&) = default;
  EventStream& operator=(EventStream&&) = delete;
  ~EventStream();

  // Nothing at the end. The last event is always a result or an error.
  Task<std::optional<Event>> next();
  // Reads to the end: the answer, or why there is none.
  Task<Result<std::string>> answer();

 private:
  std::shared_ptr<Source> source_;
};

// What a query's last event says: the answer, or why there is none.
Result<std::string> answer_in(const Event& last);

}  // namespace isa::sdk
