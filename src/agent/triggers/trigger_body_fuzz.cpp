// Bodies that make, change and feed a trigger. What is taken is stored as JSON that reads back the same, and
// an event can be judged by it.
#include "agent/triggers/trigger_request.h"

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
  if (!again || json::serialize(json::write(*again)) != text) std::abort();
  if (event) judge(*trigger, *event);
  return 0;
}
