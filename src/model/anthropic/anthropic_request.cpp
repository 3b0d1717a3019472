#include "model/anthropic/anthropic_wire.h"
#include "model/output_format.h"

namespace isa::model::anthropic {
namespace {

using sdk::ChatRole;
using sdk::Message;
using sdk::Part;
using sdk::PartKind;
using sdk::ToolChoice;

constexpr std::string_view kDialect = "anthropic";

json::object block(std::string_view type) {
  json::object to;
  to["type"] = type;
  return to;
}

// The input of a tool_use has to be an object, whatever the model wrote.
json::value input_of(const Part& call) {
  if (call.arguments.empty()) return json::object();
  auto parsed = json::parse(call.arguments);
  if (parsed && parsed->is_object()) return std::move(*parsed);
  json::object wrapped;
  wrapped["invalid_json"] = call.arguments;
  return wrapped;
}

json::object image(const Part& part) {
  json::object source = block(part.url.empty() ? "base64" : "url");
  if (part.url.empty()) {
    source["media_type"] = part.media_type;
    source["data"] = part.data;
  } else {
    source["url"] = part.url;
  }
  auto to = block("image");
  to["source"] = std::move(source);
  return to;
}

// Nothing for what this dialect refuses: empty text, thinking without its signature.
std::optional<json::object> content_block(const Part& part) {
  json::object to;
  switch (part.kind) {
    case PartKind::text:
      if (part.text.empty()) return std::nullopt;
      to = block("text");
      to["text"] = part.text;
      return to;
    case PartKind::image: return image(part);
    case PartKind::thinking:
      if (part.signature.empty()) return std::nullopt;
      to = block("thinking");
      to["thinking"] = part.text;
      to["signature"] = part.signature;
      return to;
    case PartKind::redacted_thinking:
      to = block("redacted_thinking");
      to["data"] = part.text;
      return to;
    case PartKind::tool_call:
      to = block("tool_use");
      to["id"] = part.id;
      to["name"] = part.name;
      to["input"] = input_of(part);
      return to;
    case PartKind::tool_result:
      to = block("tool_result");
      to["tool_use_id"] = part.id;
      to["content"] = part.text;
      if (part.is_error) to["is_error"] = true;
      return to;
  }
  return std::nullopt;
}

struct Turn {
  bool is_assistant = false;
  std::vector<Part> parts;
};

std::vector<Part> results_first(std::vector<Part> parts) {
  std::vector<Part> ordered;
  for (const bool results : {true, false})
    for (auto& part : parts)
      if ((part.kind == PartKind::tool_result) == results) ordered.push_back(std::move(part));
  return ordered;
}

std::vector<Turn> merged(const std::vector<Message>& messages) {
  std::vector<Turn> turns;
  for (const auto& message : messages) {
    if (message.role == ChatRole::system) continue;
    const bool is_assistant = message.role == ChatRole::assistant;
    if (turns.empty() || turns.back().is_assistant != is_assistant) turns.push_back({is_assistant, {}});
    auto& parts = turns.back().parts;
    parts.insert(parts.end(), message.parts.begin(), message.parts.end());
  }
  for (auto& turn : turns)
    if (!turn.is_assistant) turn.parts = results_first(std::move(turn.parts));
  return turns;
}

json::array messages_of(const ChatRequest& request) {
  json::array to;
  for (const auto& turn : merged(request.messages)) {
    json::array content;
    for (const auto& part : turn.parts)
      if (auto one = content_block(part)) content.push_back(*std::move(one));
    if (content.empty()) continue;
    json::object message;
    message["role"] = turn.is_assistant ? "assistant" : "user";
    message["content"] = std::move(content);
    to.push_back(std::move(message));
  }
  return to;
}

std::string system_of(const ChatRequest& request) {
  std::string system;
  for (const auto& message : request.messages) {
    if (message.role != ChatRole::system) continue;
    if (!system.empty()) system += "\n\n";
    system += message.text();
  }
  return system;
}

json::array tools_of(const ChatRequest& request) {
  json::array to;
  for (const auto& spec : request.tools) {
    json::object schema = spec.parameters;
    if (!schema.contains("type")) schema["type"] = "object";
    json::object tool;
    tool["name"] = spec.name;
    if (!spec.description.empty()) tool["description"] = spec.description;
    tool["input_schema"] = std::move(schema);
    to.push_back(std::move(tool));
  }
  return to;
}

std::optional<json::object> tool_choice_of(const ChatRequest& request) {
  const bool one_at_a_time = !request.parallel_tool_calls.value_or(true);
  if (request.tool_choice == ToolChoice::none) return block("none");
  if (request.tool_choice == ToolChoice::auto_ && !one_at_a_time) return std::nullopt;
  auto to = block(request.tool_choice == ToolChoice::auto_      ? "auto"
                  : request.tool_choice == ToolChoice::required ? "any"
                                                                : "tool");
  if (request.tool_choice == ToolChoice::named) to["name"] = request.tool_choice_name;
  if (one_at_a_time) to["disable_parallel_tool_use"] = true;
  return to;
}

Result<void> check_format(const ChatRequest& request) {
  if (!request.response_format || asks_for_format(request)) return ok();
  const auto* type = request.response_format->if_contains("type");
  if (type && *type == "text") return ok();
  return validation_error("/response_format/type: must be text, json_object or json_schema")
      .with_param("/response_format/type");
}

// {"format":{"type":"json_schema","schema"}}
std::optional<json::object> output_config_of(const ChatRequest& request) {
  const auto* named = request.response_format ? request.response_format->if_contains("json_schema") : nullptr;
  const auto* fields = named ? named->if_object() : nullptr;
  const auto* asked = fields ? fields->if_contains("schema") : nullptr;
  auto schema = asked && asked->is_object() ? to_output_schema(asked->get_object()) : std::nullopt;
  if (!schema) return std::nullopt;
  auto format = block("json_schema");
  format["schema"] = *std::move(schema);
  json::object config;
  config["format"] = std::move(format);
  return config;
}

}  // namespace

Result<json::object> to_request(const ChatRequest& request, std::int64_t default_max_tokens) {
  ISA_TRYV(check_format(request));
  const auto config = output_config_of(request);
  if (!config && request.extra_dialect != kDialect && asks_for_format(request)) {
    auto in_prompt = request;
    say_format_in_prompt(in_prompt);
    return to_request(in_prompt, default_max_tokens);
  }
  json::object to;
  to["model"] = request.model;
  to["max_tokens"] = request.max_tokens.value_or(default_max_tokens);
  if (const auto system = system_of(request); !system.empty()) to["system"] = system;
  to["messages"] = messages_of(request);
  if (!request.tools.empty()) {
    to["tools"] = tools_of(request);
    if (auto choice = tool_choice_of(request)) to["tool_choice"] = *std::move(choice);
  }
  if (request.temperature) to["temperature"] = *request.temperature;
  if (request.top_p) to["top_p"] = *request.top_p;
  if (!request.stop.empty()) to["stop_sequences"] = json::write(request.stop);
  if (config) to["output_config"] = *config;
  if (request.extra_dialect == kDialect)
    for (const auto& field : request.extra)
      if (field.key() != kBetaField) to[field.key()] = field.value();
  to["stream"] = true;
  return to;
}

}  // namespace isa::model::anthropic
