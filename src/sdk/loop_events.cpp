#include "sdk/loop_events.h"

#include "base/utf8.h"

namespace isa::sdk {
namespace {

// A file that an agent writes is an argument: watchers of a run want to see the call, not its whole content.
void shorten_strings(json::value& value) {
  if (auto* text = value.if_string()) {
    if (text->size() <= kArgumentMax) return;
    const auto kept = cut_utf8(*text, kArgumentMax);
    *text = fmt::format("{}... [{} bytes more]", kept, text->size() - kept.size());
  } else if (auto* items = value.if_array()) {
    for (auto& item : *items) shorten_strings(item);
  } else if (auto* fields = value.if_object()) {
    for (auto& field : *fields) shorten_strings(field.value());
  }
}

json::object shown_arguments(const Part& call) {
  json::value arguments = json::object();
  if (!call.arguments.empty()) {
    auto parsed = json::parse(call.arguments);
    if (parsed && parsed->is_object())
      arguments = std::move(*parsed);
    else
      arguments.get_object()["unreadable"] = call.arguments;
  }
  shorten_strings(arguments);
  return std::move(arguments.get_object());
}

}  // namespace

Event system_event(std::string_view name, std::string content) {
  return {EventType::system, std::move(content), {{"event", name}}};
}

Event context_complete_event(const ToolBox& tools, std::size_t platform_tools) {
  auto event = system_event("context.complete", "the context is complete");
  event.metadata["tools_count"] = tools.specs().size() + platform_tools;
  if (!tools.unavailable().empty()) event.metadata["unavailable_tools"] = json::write(tools.unavailable());
  return event;
}

Event tool_use_event(const Part& call) {
  return {EventType::tool_use,
          "",
          {{"tool_use_id", call.id}, {"tool", call.name}, {"args", shown_arguments(call)}}};
}

Event progress_event(const Part& call, ToolProgress progress) {
  Event event{EventType::progress, std::move(progress.text), {{"tool_use_id", call.id}, {"tool", call.name}}};
  if (progress.percent) event.metadata["percent"] = *progress.percent;
  return event;
}

Event tool_result_event(const Part& call, const ToolOutput& output, std::chrono::milliseconds duration) {
  const auto preview = cut_utf8(output.text, kPreviewMax);
  return {EventType::tool_result,
          std::string(preview),
          {{"tool_use_id", call.id},
           {"tool", call.name},
           {"is_error", output.is_error},
           {"duration_ms", duration.count()},
           {"truncated", output.truncated || preview.size() < output.text.size()}}};
}

}  // namespace isa::sdk
