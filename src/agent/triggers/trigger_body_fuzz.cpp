// Bodies that make, change and feed a trigger. What is taken is stored as JSON that reads back the same, and
// an event can be judged by it.
#include "agent/triggers/trigger_request.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>

namespace {

using namespace isa;

void judge(const store::Trigger& trigger, const agent::Event& event) {
  const auto rule = agent::parse_rule(trigger.type, trigger.rule);
  if (!rule) std::abort();  // It was taken.
  json::object memo;
  for (int i = 0; i < 3; ++i) {
    if (!agent::concerns(*rule, event)) return;
    memo = agent::see(*rule, memo, event, from_millis(1'700'000'000'000 + i), i == 1).memo;
  }
}

// Numbers that are no integers are read to the last bit but one (Boost.JSON), and so not compared exactly.
bool is_same(const json::value& a, const json::value& b) {
  if (a.is_double() && b.is_number()) {
    const auto other = b.to_number<double>();
    return std::abs(a.get_double() - other) <= 1e-12 * std::abs(other);
  }
  if (a.is_object() && b.is_object() && a.get_object().size() == b.get_object().size())
    return std::ranges::all_of(a.get_object(), [&](const auto& entry) {
      const auto* other = b.get_object().if_contains(entry.key());
      return other && is_same(entry.value(), *other);
    });
  if (a.is_array() && b.is_array()) return std::ranges::equal(a.get_array(), b.get_array(), is_same);
  return a == b;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // The body of the trigger, a zero byte, the body of an event.
  const auto end = std::min(bytes.find('\0'), bytes.size());
  const auto event = agent::parse_event(bytes.substr(std::min(end + 1, bytes.size())));
  const auto at = from_millis(1'700'000'000'000);
  const auto body = json::parse_as<agent::CreateTrigger>(bytes.substr(0, end));
  if (!body) return 0;
  const auto trigger = agent::create_trigger(store::TriggerId("trig_1"), *body, UserId("ann"), at);
  if (!trigger) {
    if (trigger.error().message().empty()) std::abort();
    return 0;
  }
  const auto text = json::serialize(json::write(*trigger));
  const auto again = json::parse_as<store::Trigger>(text);
  if (!again || !is_same(json::write(*again), json::write(*trigger))) std::abort();
  if (event) judge(*trigger, *event);
  return 0;
}
