#include "model/anthropic/anthropic_wire.h"
#include "net/http.h"

namespace isa::model::anthropic {
namespace {

using sdk::Part;
using sdk::PartKind;

json::object block(const Part& part) {
  json::object to;
  if (part.kind == PartKind::tool_call) {
    auto input = json::parse(part.arguments.empty() ? "{}" : part.arguments);
    to["type"] = "tool_use";
    to["id"] = part.id;
    to["name"] = part.name;
    if (input && input->is_object())
      to["input"] = std::move(*input);
    else
      to["input"] = json::object();
  } else if (part.kind == PartKind::thinking) {
    to["type"] = "thinking";
    to["thinking"] = part.text;
    to["signature"] = part.signature;
  } else if (part.kind == PartKind::redacted_thinking) {
    to["type"] = "redacted_thinking";
    to["data"] = part.text;
  } else {
    to["type"] = "text";
    to["text"] = part.text;
  }
  return to;
}

std::string_view error_type(const Error& error) {
  if (error.code() == "overloaded") return "overloaded_error";
  switch (error.kind()) {
    case ErrorKind::invalid_request:
    case ErrorKind::validation_error:
    case ErrorKind::conflict:
    case ErrorKind::failed_dependency: return "invalid_request_error";
    case ErrorKind::unauthorized: return "authentication_error";
    case ErrorKind::insufficient_credits: return "billing_error";
    case ErrorKind::insufficient_permissions: return "permission_error";
    case ErrorKind::not_found: return "not_found_error";
    case ErrorKind::payload_too_large: return "request_too_large";
    case ErrorKind::rate_limit_exceeded:
    case ErrorKind::quota_exceeded: return "rate_limit_error";
    case ErrorKind::timeout: return "timeout_error";
    default: return "api_error";
  }
}

}  // namespace

std::string_view to_stop_reason(sdk::FinishReason reason) {
  switch (reason) {
    case sdk::FinishReason::stop: return "end_turn";
    case sdk::FinishReason::length: return "max_tokens";
    case sdk::FinishReason::tool_calls: return "tool_use";
    case sdk::FinishReason::content_filter: return "refusal";
  }
  return "end_turn";
}

json::object to_usage(const sdk::Usage& usage) {
  json::object to;
  to["input_tokens"] = usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens;
  to["cache_creation_input_tokens"] = usage.cache_write_tokens;
  to["cache_read_input_tokens"] = usage.cached_input_tokens;
  to["output_tokens"] = usage.output_tokens;
  if (usage.estimated) to["estimated"] = true;
  if (usage.cost_usd) to["cost"] = usage.cost_usd->number();
  return to;
}

std::string with_cost(std::string_view data, Usd cost) {
  auto document = json::parse(data);
  auto* event = document ? document->if_object() : nullptr;
  const auto* type = event ? event->if_contains("type") : nullptr;
  auto* usage = event ? event->if_contains("usage") : nullptr;
  if (!type || *type != "message_delta" || !usage || !usage->is_object()) return std::string(data);
  usage->get_object()["cost"] = cost.number();
  return json::serialize(*document);
}

json::object to_response(const ChatResult& result) {
  json::array content;
  for (const auto& part : result.message.parts) content.push_back(block(part));
  json::object to;
  to["id"] = result.id;
  to["type"] = "message";
  to["role"] = "assistant";
  to["model"] = result.model;
  to["content"] = std::move(content);
  to["stop_reason"] = to_stop_reason(result.finish_reason);
  to["stop_sequence"] = nullptr;
  to["usage"] = to_usage(result.usage);
  return to;
}

json::object to_error(const Error& error, std::string_view request_id) {
  json::object inner, to;
  inner["type"] = error_type(error);
  inner["message"] = error.message();
  to["type"] = "error";
  to["error"] = std::move(inner);
  to["request_id"] = request_id;
  return to;
}

int status_of(const Error& error) {
  if (error.code() == "overloaded") return 529;
  if (error.kind() == ErrorKind::validation_error) return 400;
  return net::status_of(error.kind());
}

}  // namespace isa::model::anthropic
