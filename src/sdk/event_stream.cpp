#include "sdk/event_stream.h"

#include <utility>

namespace isa::sdk {

Task<Result<void>> EventStream::Source::push(Event event) {
  while (events_.size() >= kAhead && !is_abandoned_) co_await changed_.wait();
  if (is_abandoned_) co_return cancelled("nobody reads this query's events any more");
  events_.push_back(std::move(event));
  changed_.notify();
  co_return ok();
}

void EventStream::Source::close() {
  is_closed_ = true;
  changed_.notify();
}

EventStream::~EventStream() {
  if (!source_ || source_->is_closed_) return;
  source_->is_abandoned_ = true;
  source_->changed_.notify();
  source_->cancellation_->emit(asio::cancellation_type::terminal);
}

Task<std::optional<Event>> EventStream::next() {
  const auto source = source_;
  while (source->events_.empty() && !source->is_closed_) co_await source->changed_.wait();
  if (source->events_.empty()) co_return std::nullopt;
  auto event = std::move(source->events_.front());
  source->events_.pop_front();
  source->changed_.notify();
  co_return event;
}

Task<Result<std::string>> EventStream::answer() {
  std::optional<Event> last;
  while (auto event = co_await next())
    if (event->is_terminal()) last = std::move(event);
  if (!last) co_return upstream_error("the query ended without an answer");
  co_return answer_in(*last);
}

Result<std::string> answer_in(const Event& last) {
  const auto text_at = [&](std::string_view key) {
    const auto* found = last.metadata.if_contains(key);
    return found && found->is_string() ? std::string(found->get_string()) : std::string();
  };
  auto content = last.content.value_or("");
  if (last.type == EventType::error) return upstream_error("{}", content).with_code(text_at("code"));
  const auto subtype = text_at("subtype");
  const auto problem = text_at("problem");
  if (subtype != "success" && !subtype.empty())
    return upstream_error("the agent stopped before it finished: {}{}", subtype,
                          problem.empty() ? "" : " - " + problem)
        .with_code(subtype);
  return content;
}

}  // namespace isa::sdk
