// However the bytes are split, the events are the same; what was read can be written and read again.
#include "net/sse.h"

#include <cstdint>
#include <cstdlib>

namespace {

using isa::net::SseEvent;
using isa::net::SseParser;

constexpr std::size_t kEventMax = 4096;

void check(bool holds) {
  if (!holds) std::abort();
}

// Nothing once the parser has refused the input.
std::optional<std::deque<SseEvent>> parse(std::string_view bytes, std::size_t step) {
  SseParser parser(kEventMax);
  std::deque<SseEvent> events;
  while (!bytes.empty()) {
    if (!parser.feed(bytes.substr(0, step))) return std::nullopt;
    bytes.remove_prefix(std::min(step, bytes.size()));
    while (auto event = parser.next()) events.push_back(std::move(*event));
  }
  return events;
}

bool is_same(const SseEvent& a, const SseEvent& b) {
  return a.id == b.id && a.event == b.event && a.data == b.data;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = parse(bytes, std::max<std::size_t>(size, 1));
  for (const std::size_t step : {1U, 2U, 3U, 7U}) {
    const auto split = parse(bytes, step);
    check(split.has_value() == whole.has_value());
    if (!whole) continue;
    check(split->size() == whole->size());
    for (std::size_t i = 0; i < whole->size(); ++i) check(is_same((*split)[i], (*whole)[i]));
  }
  if (!whole) return 0;
  for (const auto& event : *whole) {
    check(event.data.size() <= kEventMax);
    const auto again = parse(format_sse(event), 5);
    check(again && again->size() == 1 && is_same(again->front(), event));
  }
  return 0;
}
