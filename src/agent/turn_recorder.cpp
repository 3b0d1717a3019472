#include "agent/turn_recorder.h"

namespace isa::agent {

namespace {

std::string_view name_of(const sdk::Event& event) {
  const auto* name = event.type == sdk::EventType::system ? event.metadata.if_contains("event") : nullptr;
  return name && name->is_string() ? std::string_view(name->get_string()) : std::string_view();
}

bool is_platforms_own(const sdk::Event& event) {
  using sdk::EventType;
  const auto name = name_of(event);
  return event.type == EventType::session_start || event.type == EventType::session_end ||
         event.type == EventType::hil_request || name.starts_with("hil.") || name == "queued";
}

}  // namespace

bool is_steered(const sdk::Event& event) {
  return event.content && name_of(event) == "steered";
}

void TurnRecorder::restore(const std::vector<store::LoggedEvent>& events) {
  for (const auto& logged : events) {
    const auto event = sdk::event_from_wire(*logged.json);
    if (!event || event->type == sdk::EventType::session_start) continue;
    has_begun_ = true;
    said_.add(*event);
    open_calls_.see(*event);
    open_tasks_.see(*event);
  }
}

Task<Result<void>> TurnRecorder::take(sdk::Event event) {
  using sdk::EventType;
  if (is_stopped_) co_return cancelled("the run was stopped");
  if (failure_) co_return Failure(*failure_);
  if (is_platforms_own(event) || terminal_) co_return ok();
  has_begun_ = true;
  if (event.is_terminal()) {
    terminal_ = std::move(event);
    co_return ok();
  }
  said_.add(event);
  const bool is_kept = event.type == EventType::tool_use || event.type == EventType::tool_result ||
                       event.type == EventType::system;
  const auto kept = is_kept ? event : sdk::Event{};  // Tokens, of which there are many, are not copied.
  auto pushed = co_await stream_.push(std::move(event));
  if (pushed && is_kept) {
    open_calls_.see(kept);
    open_tasks_.see(kept);
  }
  if (!pushed && !failure_) failure_ = pushed.error();
  co_return pushed;
}

}  // namespace isa::agent
