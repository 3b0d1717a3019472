#include "sdk/openai_wire.h"

#include <algorithm>

namespace isa::sdk::openai {
namespace {

std::int64_t count(const json::object& from, std::string_view name) {
  const auto* field = from.if_contains(name);
  const auto* number = field ? field->if_int64() : nullptr;
  return number ? std::max<std::int64_t>(*number, 0) : 0;
}

const json::object* object_in(const json::object& from, std::string_view name) {
  const auto* field = from.if_contains(name);
  return field ? field->if_object() : nullptr;
}

std::string text_in(const json::object& from, std::string_view name) {
  const auto* field = from.if_contains(name);
  const auto* text = field ? field->if_string() : nullptr;
  return text ? std::string(*text) : std::string();
}

// FastAPI's way to say what is wrong with a body: [{"loc":["body","response_format"],"msg":"..."}]
std::string detail_in(const json::object& from) {
  const auto* details = from.if_contains("detail");
  const auto* list = details ? details->if_array() : nullptr;
  const auto* first = list && !list->empty() ? list->front().if_object() : nullptr;
  if (!first) return text_in(from, "detail");
  std::string where;
  const auto* steps = first->if_contains("loc");
  for (std::size_t i = 0; steps && steps->is_array() && i < steps->get_array().size(); ++i)
    if (const auto* step = steps->get_array()[i].if_string()) where += std::string(*step) + ": ";
  return where + text_in(*first, "msg");
}

// What servers of this dialect put into the body of an error: {"error":{...}}, {"error":"..."}, or FastAPI's
// {"detail":...}.
struct Said {
  std::string message, code, param;
};

Said said(std::string_view body) {
  Said to;
  const auto document = json::parse(body);
  const auto* top = document ? document->if_object() : nullptr;
  if (!top) return to;
  if (const auto* error = object_in(*top, "error"))
    return {text_in(*error, "message"), text_in(*error, "code"), text_in(*error, "param")};
  to.message = text_in(*top, "error");
  if (to.message.empty()) to.message = detail_in(*top);
  if (to.message.empty()) to.message = text_in(*top, "message");
  return to;
}

ErrorKind kind_of(int status, std::string_view code) {
  switch (status) {
    case 401: return ErrorKind::unauthorized;
    case 402: return ErrorKind::insufficient_credits;
    case 403: return ErrorKind::insufficient_permissions;
    case 404: return ErrorKind::not_found;
    case 409: return ErrorKind::conflict;
    case 413: return ErrorKind::payload_too_large;
    case 424: return ErrorKind::failed_dependency;
    case 429:
      return code == "insufficient_quota" || code == "quota_exceeded" ? ErrorKind::quota_exceeded
                                                                      : ErrorKind::rate_limit_exceeded;
    case 408:
    case 504: return ErrorKind::timeout;
    case 503:
    case 529: return ErrorKind::service_unavailable;
    default: return status >= 500 || status < 400 ? ErrorKind::upstream_error : ErrorKind::validation_error;
  }
}

bool is_plain_code(std::string_view code) {
  return !code.empty() && code.size() <= 64 && std::ranges::all_of(code, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string_view error_type(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_request:
    case ErrorKind::validation_error:
    case ErrorKind::not_found:
    case ErrorKind::conflict:
    case ErrorKind::payload_too_large: return "invalid_request_error";
    case ErrorKind::unauthorized: return "authentication_error";
    case ErrorKind::insufficient_permissions: return "permission_error";
    case ErrorKind::rate_limit_exceeded: return "rate_limit_error";
    case ErrorKind::quota_exceeded:
    case ErrorKind::insufficient_credits: return "insufficient_quota";
    default: return "server_error";
  }
}

json::object message_of(const ChatResult& result) {
  ChatRequest one;
  one.messages.push_back(result.message);
  auto message = std::move(to_request(one, false, Extensions::ours)["messages"].get_array()[0].get_object());
  message["refusal"] = nullptr;
  std::string reasoning;
  for (const auto& part : result.message.parts)
    if (part.kind == PartKind::thinking) reasoning += part.text;
  if (!reasoning.empty()) message["reasoning_content"] = reasoning;
  return message;
}

}  // namespace

std::string_view to_finish_reason(FinishReason reason) {
  return json::name_of(reason);
}

FinishReason from_finish_reason(std::string_view name) {
  if (name == "function_call") return FinishReason::tool_calls;  // Legacy.
  return json::enum_named<FinishReason>(name).value_or(FinishReason::stop);
}

json::object to_usage(const Usage& usage) {
  json::object prompt, completion, to;
  prompt["cached_tokens"] = usage.cached_input_tokens;
  if (usage.cache_write_tokens > 0) prompt["cache_write_tokens"] = usage.cache_write_tokens;
  completion["reasoning_tokens"] = usage.reasoning_tokens;
  to["prompt_tokens"] = usage.input_tokens;
  to["completion_tokens"] = usage.output_tokens;
  to["total_tokens"] = usage.input_tokens + usage.output_tokens;
  to["prompt_tokens_details"] = std::move(prompt);
  to["completion_tokens_details"] = std::move(completion);
  if (usage.estimated) to["estimated"] = true;
  if (usage.cost_usd) to["cost"] = usage.cost_usd->number();  // As OpenRouter names it.
  return to;
}

Usage from_usage(const json::object& from) {
  Usage usage;
  usage.input_tokens = count(from, "prompt_tokens");
  usage.output_tokens = count(from, "completion_tokens");
  if (const auto* details = object_in(from, "prompt_tokens_details")) {
    usage.cached_input_tokens = count(*details, "cached_tokens");
    usage.cache_write_tokens = count(*details, "cache_write_tokens");
  }
  if (const auto* details = object_in(from, "completion_tokens_details"))
    usage.reasoning_tokens = count(*details, "reasoning_tokens");
  const auto* estimated = from.if_contains("estimated");
  usage.estimated = estimated && estimated->is_bool() && estimated->get_bool();
  if (const auto* cost = from.if_contains("cost"); cost && cost->is_number())
    usage.cost_usd = Usd::of_number(cost->to_number<double>());
  return usage;
}

// A whole answer is one chunk whose delta is complete, so it is read as one.
Result<ChatResult> from_response(std::string_view body) {
  ISA_TRY(auto document, json::parse(body));
  auto* top = document.if_object();
  auto* choices = top && top->contains("choices") ? top->at("choices").if_array() : nullptr;
  if (choices) {
    for (auto& choice : *choices) {
      auto* fields = choice.if_object();
      if (!fields || !fields->contains("message")) continue;
      auto message = fields->at("message");
      if (auto* calls = message.is_object() ? message.get_object().if_contains("tool_calls") : nullptr;
          calls && calls->is_array()) {
        for (std::size_t i = 0; i < calls->get_array().size(); ++i)
          if (auto* call = calls->get_array()[i].if_object()) (*call)["index"] = i;
      }
      (*fields)["delta"] = std::move(message);
    }
  }
  ChunkReader reader;
  MessageBuilder builder;
  std::vector<ChatDelta> deltas;
  ISA_TRYV(reader.feed(json::serialize(document), deltas));
  if (!reader.is_complete()) return upstream_error("the model's answer has no finished choice");
  for (const auto& delta : deltas) builder.add(delta);
  auto result = reader.summary();
  result.message = std::move(builder).finish();
  return result;
}

Error from_error(int status, std::string_view body, std::string_view provider) {
  auto from = said(body);
  if (from.message.empty()) from.message = fmt::format("it gave no reason (status {})", status);
  Error error(kind_of(status, from.code), fmt::format("{}: {}", provider, from.message));
  if (is_plain_code(from.code))
    error = std::move(error).with_code(from.code);
  else if (status == 529)
    error = std::move(error).with_code("overloaded");
  if (!from.param.empty()) error = std::move(error).with_param(from.param);
  return error;
}

json::object to_response(const ChatResult& result, std::int64_t created) {
  json::object choice, to;
  choice["index"] = 0;
  choice["message"] = message_of(result);
  choice["logprobs"] = nullptr;
  choice["finish_reason"] = to_finish_reason(result.finish_reason);
  to["id"] = result.id;
  to["object"] = "chat.completion";
  to["created"] = created;
  to["model"] = result.model;
  to["choices"] = json::array{std::move(choice)};
  to["usage"] = to_usage(result.usage);
  return to;
}

json::object to_error(const Error& error) {
  json::object inner, to;
  inner["message"] = error.message();
  inner["type"] = error_type(error.kind());
  if (error.param().empty())
    inner["param"] = nullptr;
  else
    inner["param"] = error.param();
  inner["code"] = error.code();
  to["error"] = std::move(inner);
  return to;
}

}  // namespace isa::sdk::openai
