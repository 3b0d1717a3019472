#include "sdk/openai_wire.h"

namespace isa::sdk::openai {
namespace {

json::object text_part(const std::string& text) {
  json::object to;
  to["type"] = "text";
  to["text"] = text;
  return to;
}

json::object image_part(const Part& part) {
  json::object image;
  image["url"] = part.url.empty() ? "data:" + part.media_type + ";base64," + part.data : part.url;
  json::object to;
  to["type"] = "image_url";
  to["image_url"] = std::move(image);
  return to;
}

// A string when there is text alone, which every compatible server understands.
json::value user_content(const Message& message) {
  bool has_image = false;
  for (const auto& part : message.parts) has_image = has_image || part.kind == PartKind::image;
  if (!has_image) return json::value(message.text());
  json::array content;
  for (const auto& part : message.parts) {
    if (part.kind == PartKind::text) content.push_back(text_part(part.text));
    if (part.kind == PartKind::image) content.push_back(image_part(part));
  }
  return content;
}

json::object tool_call(const Part& part) {
  json::object function;
  function["name"] = part.name;
  function["arguments"] = part.arguments.empty() ? "{}" : part.arguments;
  json::object to;
  to["id"] = part.id;
  to["type"] = "function";
  to["function"] = std::move(function);
  return to;
}

// Thinking without a signature says nothing to a model that it comes back to.
json::array thinking_blocks(const Message& message) {
  json::array blocks;
  for (const auto& part : message.parts) {
    json::object block;
    if (part.kind == PartKind::thinking && !part.signature.empty()) {
      block["type"] = "thinking";
      block["thinking"] = part.text;
      block["signature"] = part.signature;
    } else if (part.kind == PartKind::redacted_thinking) {
      block["type"] = "redacted_thinking";
      block["data"] = part.text;
    } else {
      continue;
    }
    blocks.push_back(std::move(block));
  }
  return blocks;
}

json::object assistant(const Message& message, Extensions extensions) {
  json::object to;
  to["role"] = "assistant";
  json::array calls;
  for (const auto& part : message.parts)
    if (part.kind == PartKind::tool_call) calls.push_back(tool_call(part));
  const auto text = message.text();
  if (text.empty() && !calls.empty())
    to["content"] = nullptr;
  else
    to["content"] = text;
  if (!calls.empty()) to["tool_calls"] = std::move(calls);
  if (extensions == Extensions::ours)
    if (auto blocks = thinking_blocks(message); !blocks.empty()) to["thinking_blocks"] = std::move(blocks);
  return to;
}

void add_message(const Message& message, Extensions extensions, json::array& to) {
  if (message.role == ChatRole::assistant) {
    to.push_back(assistant(message, extensions));
    return;
  }
  if (message.role == ChatRole::tool) {
    for (const auto& part : message.parts) {
      if (part.kind != PartKind::tool_result) continue;
      json::object result;
      result["role"] = "tool";
      result["tool_call_id"] = part.id;
      result["content"] = part.text;
      if (part.is_error && extensions == Extensions::ours) result["is_error"] = true;
      to.push_back(std::move(result));
    }
    return;
  }
  json::object one;
  one["role"] = json::name_of(message.role);
  one["content"] = user_content(message);
  to.push_back(std::move(one));
}

json::array tools(const std::vector<ToolSpec>& specs) {
  json::array to;
  for (const auto& spec : specs) {
    json::object function;
    function["name"] = spec.name;
    function["description"] = spec.description;
    function["parameters"] = spec.parameters;
    json::object tool;
    tool["type"] = "function";
    tool["function"] = std::move(function);
    to.push_back(std::move(tool));
  }
  return to;
}

json::value tool_choice(const ChatRequest& request) {
  if (request.tool_choice == ToolChoice::none) return "none";
  if (request.tool_choice == ToolChoice::required) return "required";
  if (request.tool_choice == ToolChoice::auto_) return "auto";
  json::object function;
  function["name"] = request.tool_choice_name;
  json::object named;
  named["type"] = "function";
  named["function"] = std::move(function);
  return named;
}

}  // namespace

json::object to_request(const ChatRequest& request, bool stream, Extensions extensions) {
  json::object to;
  to["model"] = request.model;
  json::array messages;
  for (const auto& message : request.messages) add_message(message, extensions, messages);
  to["messages"] = std::move(messages);
  if (!request.tools.empty()) {
    to["tools"] = tools(request.tools);
    if (request.tool_choice != ToolChoice::auto_) to["tool_choice"] = tool_choice(request);
    if (request.parallel_tool_calls) to["parallel_tool_calls"] = *request.parallel_tool_calls;
  }
  if (request.max_tokens) to["max_tokens"] = *request.max_tokens;
  if (request.temperature) to["temperature"] = *request.temperature;
  if (request.top_p) to["top_p"] = *request.top_p;
  if (!request.stop.empty()) to["stop"] = json::write(request.stop);
  if (request.response_format) to["response_format"] = *request.response_format;
  if (request.extra_dialect == "openai")
    for (const auto& field : request.extra) to[field.key()] = field.value();
  if (stream) {
    json::object options;
    options["include_usage"] = true;
    to["stream"] = true;
    to["stream_options"] = std::move(options);
  }
  return to;
}

}  // namespace isa::sdk::openai
