#include "app/watch.h"

#include "net/sse.h"

#include <cstdio>

namespace isa::app {
namespace {

std::string text_of(const json::object& from, std::string_view key) {
  const auto* value = from.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

// Of a result or an error.
Result<void> outcome_of(const sdk::Event& event) {
  if (event.type == sdk::EventType::error)
    return upstream_error("the run ended with an error: {}", event.content.value_or("unknown"))
        .with_code(text_of(event.metadata, "code"));
  const auto subtype = text_of(event.metadata, "subtype");
  if (subtype.empty() || subtype == "success") return ok();
  if (subtype == "interrupted") return cancelled("the run was cancelled before it finished");
  if (subtype == "steered")
    return cancelled("the message was handed to the run that was under way; that one answers it");
  auto why = text_of(event.metadata, "problem");
  if (why.empty()) why = text_of(event.metadata, "limit");
  return upstream_error("the run stopped before it finished: {}{}", subtype, why.empty() ? "" : " - " + why);
}

void print_line(const std::string& json) {
  std::printf("%s\n", json.c_str());
  std::fflush(stdout);
}

}  // namespace

Task<Result<void>> watch(net::OpenResponse answer, bool as_json, ShowEvent show) {
  net::SseReader events(std::move(answer.body));
  Result<void> outcome = ok();
  for (;;) {
    ISA_CO_TRY(const auto line, co_await events.next());
    if (!line)
      co_return upstream_error(
          "the connection ended before the answer did; `isa sessions` shows what became of it");
    if (line->data == "[DONE]") co_return outcome;
    ISA_CO_TRY(const auto event, sdk::event_from_wire(line->data));
    if (as_json)
      print_line(line->data);
    else
      show(event);
    if (event.is_terminal()) outcome = outcome_of(event);
  }
}

}  // namespace isa::app
