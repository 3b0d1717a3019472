#include "agent/open_calls.h"

namespace isa::agent {
namespace {

std::string string_in(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

// A custom agent may name the agent in one event and not in the other.
bool may_be_same(std::string_view one, std::string_view other) {
  return one == other || one.empty() || other.empty();
}

bool answers(const CallKey& result, const CallKey& call) {
  return result.id == call.id && may_be_same(result.agent, call.agent) &&
         may_be_same(result.task_id, call.task_id);
}

}  // namespace

void OpenCalls::see(const sdk::Event& event) {
  if (event.type != sdk::EventType::tool_use && event.type != sdk::EventType::tool_result) return;
  CallKey key{string_in(event.metadata, "agent"), string_in(event.metadata, "task_id"),
              string_in(event.metadata, "tool_use_id")};
  if (key.id.empty()) return;  // A custom agent that does not name its calls cannot have them answered.
  if (event.type == sdk::EventType::tool_use)
    open_.push_back({std::move(key), string_in(event.metadata, "tool")});
  else
    std::erase_if(open_, [&](const Call& call) { return answers(key, call.key); });
}

std::vector<sdk::Event> OpenCalls::cut_off(const std::set<CallKey>& going_on) const {
  std::vector<sdk::Event> events;
  for (const auto& call : open_) {
    if (going_on.contains(call.key)) continue;
    sdk::Event event{sdk::EventType::tool_result, "The call was cut off; its effect is unknown.", {}};
    event.metadata["tool_use_id"] = call.key.id;
    if (!call.key.agent.empty()) event.metadata["agent"] = call.key.agent;
    if (!call.key.task_id.empty()) event.metadata["task_id"] = call.key.task_id;
    event.metadata["tool"] = call.tool;
    event.metadata["is_error"] = true;
    event.metadata["truncated"] = false;
    events.push_back(std::move(event));
  }
  return events;
}

void say_not_run(sdk::Event& cut_off) {
  cut_off.content = "The call was not run: the run ended while it waited.";
}

}  // namespace isa::agent
