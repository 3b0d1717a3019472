#include "model/anthropic/anthropic_wire.h"

namespace isa::model::anthropic {
namespace {

const json::object* object_in(const json::object& from, std::string_view name) {
  const auto* field = from.if_contains(name);
  return field ? field->if_object() : nullptr;
}

std::string_view text_in(const json::object& from, std::string_view name) {
  const auto* field = from.if_contains(name);
  const auto* text = field ? field->if_string() : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}

std::optional<std::int64_t> count_in(const json::object& from, std::string_view name) {
  const auto* field = from.if_contains(name);
  const auto* number = field ? field->if_int64() : nullptr;
  if (!number || *number < 0) return std::nullopt;
  return *number;
}

ChatDelta text_delta(ChatDelta::Kind kind, std::string_view text, std::size_t index = 0) {
  ChatDelta delta;
  delta.kind = kind;
  delta.text = text;
  delta.index = index;
  return delta;
}

sdk::FinishReason finish_reason(std::string_view stop_reason) {
  using sdk::FinishReason;
  if (stop_reason == "max_tokens" || stop_reason == "model_context_window_exceeded")
    return FinishReason::length;
  if (stop_reason == "tool_use") return FinishReason::tool_calls;
  if (stop_reason == "refusal") return FinishReason::content_filter;
  return FinishReason::stop;  // end_turn, stop_sequence, pause_turn
}

struct ErrorType {
  std::string_view type;
  ErrorKind kind;
};
constexpr ErrorType kErrorTypes[] = {
    {"invalid_request_error", ErrorKind::validation_error},
    {"authentication_error", ErrorKind::unauthorized},
    {"billing_error", ErrorKind::insufficient_credits},
    {"permission_error", ErrorKind::insufficient_permissions},
    {"not_found_error", ErrorKind::not_found},
    {"request_too_large", ErrorKind::payload_too_large},
    {"rate_limit_error", ErrorKind::rate_limit_exceeded},
    {"timeout_error", ErrorKind::timeout},
    {"overloaded_error", ErrorKind::service_unavailable},
};

Error typed_error(std::string_view type, std::string message, ErrorKind fallback) {
  for (const auto& known : kErrorTypes) {
    if (known.type != type) continue;
    Error error(known.kind, std::move(message));
    if (type == "overloaded_error") return std::move(error).with_code("overloaded");
    return error;
  }
  return Error(fallback, std::move(message));
}

}  // namespace

Result<void> EventReader::feed(std::string_view data, std::vector<ChatDelta>& out) {
  const auto document = json::parse(data);
  const auto* event = document ? document->if_object() : nullptr;
  if (!event)
    return upstream_error("the model sent an event that is no JSON object")
        .with_detail(document ? "not an object" : document.error().message());
  const auto type = text_in(*event, "type");
  if (type == "content_block_delta") {
    add_to_block(*event, out);
  } else if (type == "content_block_start") {
    begin_block(*event, out);
  } else if (type == "message_start") {
    if (const auto* message = object_in(*event, "message")) {
      summary_.id = text_in(*message, "id");
      summary_.model = text_in(*message, "model");
      if (const auto* usage = object_in(*message, "usage")) read_usage(*usage);
    }
  } else if (type == "message_delta") {
    if (const auto* usage = object_in(*event, "usage")) read_usage(*usage);
    const auto* delta = object_in(*event, "delta");
    if (const auto reason = delta ? text_in(*delta, "stop_reason") : ""; !reason.empty()) {
      complete_ = true;
      summary_.finish_reason = finish_reason(reason);
    }
  } else if (type == "message_stop") {
    done_ = complete_ = true;
  } else if (type == "error") {
    const auto* error = object_in(*event, "error");
    const auto message = error ? text_in(*error, "message") : std::string_view();
    return typed_error(
        error ? text_in(*error, "type") : "",
        fmt::format("the model broke off: {}", message.empty() ? "it gave no reason" : message),
        ErrorKind::upstream_error);
  }
  return ok();
}

void EventReader::begin_block(const json::object& event, std::vector<ChatDelta>& out) {
  const auto* content = object_in(event, "content_block");
  if (!content) return;
  const auto type = text_in(*content, "type");
  if (type == "text") {
    if (const auto text = text_in(*content, "text"); !text.empty())
      out.push_back(text_delta(ChatDelta::Kind::text, text));
  } else if (type == "thinking") {
    if (const auto text = text_in(*content, "thinking"); !text.empty())
      out.push_back(text_delta(ChatDelta::Kind::thinking, text));
    if (const auto signature = text_in(*content, "signature"); !signature.empty())
      out.push_back(text_delta(ChatDelta::Kind::signature, signature));
  } else if (type == "redacted_thinking") {
    out.push_back(text_delta(ChatDelta::Kind::redacted_thinking, text_in(*content, "data")));
  } else if (type == "tool_use") {
    const auto call = calls_.size();
    calls_[count_in(event, "index").value_or(0)] = call;
    ChatDelta begin = text_delta(ChatDelta::Kind::tool_call, "", call);
    begin.id = text_in(*content, "id");
    begin.name = text_in(*content, "name");
    out.push_back(std::move(begin));
    // Anthropic starts with {} and sends deltas; some compatible servers send the whole input at once.
    if (const auto* input = object_in(*content, "input"); input && !input->empty())
      out.push_back(text_delta(ChatDelta::Kind::tool_arguments, json::serialize(*input), call));
  }
}

void EventReader::add_to_block(const json::object& event, std::vector<ChatDelta>& out) const {
  const auto* delta = object_in(event, "delta");
  if (!delta) return;
  const auto type = text_in(*delta, "type");
  if (type == "text_delta") {
    out.push_back(text_delta(ChatDelta::Kind::text, text_in(*delta, "text")));
  } else if (type == "thinking_delta") {
    out.push_back(text_delta(ChatDelta::Kind::thinking, text_in(*delta, "thinking")));
  } else if (type == "signature_delta") {
    out.push_back(text_delta(ChatDelta::Kind::signature, text_in(*delta, "signature")));
  } else if (type == "input_json_delta") {
    const auto call = calls_.find(count_in(event, "index").value_or(0));
    const auto text = text_in(*delta, "partial_json");  // The first is often empty.
    if (call != calls_.end() && !text.empty())
      out.push_back(text_delta(ChatDelta::Kind::tool_arguments, text, call->second));
  }
}

// Every value is cumulative: the last one counts. A later event may leave out or null what did not change.
void EventReader::read_usage(const json::object& from) {
  auto& usage = summary_.usage;
  uncached_input_ = count_in(from, "input_tokens").value_or(uncached_input_);
  usage.cached_input_tokens = count_in(from, "cache_read_input_tokens").value_or(usage.cached_input_tokens);
  usage.cache_write_tokens = count_in(from, "cache_creation_input_tokens").value_or(usage.cache_write_tokens);
  usage.output_tokens = count_in(from, "output_tokens").value_or(usage.output_tokens);
  usage.input_tokens = uncached_input_ + usage.cached_input_tokens + usage.cache_write_tokens;
}

Error from_error(int status, std::string_view body, std::string_view provider) {
  const auto document = json::parse(body);
  const auto* top = document ? document->if_object() : nullptr;
  const auto* error = top ? object_in(*top, "error") : nullptr;
  const auto message = error ? text_in(*error, "message") : std::string_view();
  const auto by_status = sdk::openai::from_error(status, "", provider);
  if (message.empty()) return by_status;
  auto typed =
      typed_error(text_in(*error, "type"), fmt::format("{}: {}", provider, message), by_status.kind());
  if (status == 529) typed = std::move(typed).with_code("overloaded");
  return typed;
}

}  // namespace isa::model::anthropic
