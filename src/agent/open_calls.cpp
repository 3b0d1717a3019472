#include "agent/open_calls.h"

namespace isa::agent {
namespace {

std::string string_in(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

}  // namespace

void OpenCalls::see(const sdk::Event& event) {
  auto id = string_in(event.metadata, "tool_use_id");
  if (id.empty()) return;  // A custom agent that does not name its calls cannot have them answered.
  if (event.type == sdk::EventType::tool_use)
    open_.push_back({std::move(id), string_in(event.metadata, "tool")});
  else if (event.type == sdk::EventType::tool_result)
    std::erase_if(open_, [&](const Call& call) { return call.id == id; });
}

std::vector<sdk::Event> OpenCalls::cut_off() const {
  std::vector<sdk::Event> events;
  for (const auto& call : open_) {
    sdk::Event event{sdk::EventType::tool_result, "The call was cut off; its effect is unknown.", {}};
    event.metadata["tool_use_id"] = call.id;
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
