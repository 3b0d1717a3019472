#include "base/json_text.h"
#include "sdk/openai_wire.h"

#include <algorithm>

namespace isa::sdk::openai {
namespace {

std::string_view text_in(const json::object& from, std::string_view name) {
  const auto* field = from.if_contains(name);
  const auto* text = field ? field->if_string() : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}

ChatDelta text_delta(ChatDelta::Kind kind, std::string_view text) {
  ChatDelta delta;
  delta.kind = kind;
  delta.text = text;
  return delta;
}

void read_thinking_blocks(const json::object& delta, std::vector<ChatDelta>& out) {
  const auto* blocks = delta.if_contains("thinking_blocks");
  if (!blocks || !blocks->is_array()) return;
  for (const auto& item : blocks->get_array()) {
    const auto* block = item.if_object();
    if (!block) continue;
    // Its text came as reasoning_content; here it would be there twice.
    if (const auto signature = text_in(*block, "signature"); !signature.empty())
      out.push_back(text_delta(ChatDelta::Kind::signature, signature));
    if (const auto data = text_in(*block, "data"); !data.empty())
      out.push_back(text_delta(ChatDelta::Kind::redacted_thinking, data));
  }
}

Error error_in_stream(const json::value& error) {
  std::string_view message;
  if (const auto* text = error.if_string()) message = *text;
  if (const auto* fields = error.if_object()) message = text_in(*fields, "message");
  return upstream_error("the model broke off: {}", message.empty() ? "it gave no reason" : message);
}

std::string quoted(std::string_view text) {
  std::string to;
  json::append_string(to, text);
  return to;
}

}  // namespace

Result<void> ChunkReader::feed(std::string_view data, std::vector<ChatDelta>& out) {
  if (data == "[DONE]") {
    done_ = complete_ = true;
    return ok();
  }
  auto document = json::parse(data);
  if (!document || !document->is_object())
    return upstream_error("the model sent a chunk that is no JSON object")
        .with_detail(document ? "not an object" : document.error().message());
  const auto& chunk = document->get_object();
  if (const auto* error = chunk.if_contains("error"); error && !error->is_null())
    return error_in_stream(*error);
  if (summary_.id.empty()) summary_.id = text_in(chunk, "id");
  if (summary_.model.empty()) summary_.model = text_in(chunk, "model");
  if (const auto* usage = chunk.if_contains("usage"); usage && usage->is_object())
    summary_.usage = from_usage(usage->get_object());
  const auto* choices = chunk.if_contains("choices");
  if (!choices || !choices->is_array()) return ok();
  for (const auto& choice : choices->get_array())
    if (choice.is_object()) ISA_TRYV(read_choice(choice.get_object(), out));
  return ok();
}

Result<void> ChunkReader::read_choice(const json::object& choice, std::vector<ChatDelta>& out) {
  // One answer is asked for; a server that gives more of them is not followed.
  if (const auto* index = choice.if_contains("index"); index && index->is_int64() && index->get_int64() != 0)
    return ok();
  if (const auto* field = choice.if_contains("delta"); field && field->is_object()) {
    const auto& delta = field->get_object();
    auto reasoning = text_in(delta, "reasoning_content");
    if (reasoning.empty()) reasoning = text_in(delta, "reasoning");
    if (!reasoning.empty()) out.push_back(text_delta(ChatDelta::Kind::thinking, reasoning));
    read_thinking_blocks(delta, out);
    for (const auto name : {"content", "refusal"})
      if (const auto text = text_in(delta, name); !text.empty())
        out.push_back(text_delta(ChatDelta::Kind::text, text));
    if (const auto* calls = delta.if_contains("tool_calls"); calls && calls->is_array())
      for (const auto& fragment : calls->get_array())
        if (fragment.is_object()) ISA_TRYV(read_call(fragment.get_object(), out));
  }
  if (const auto reason = text_in(choice, "finish_reason"); !reason.empty()) {
    complete_ = true;
    summary_.finish_reason = from_finish_reason(reason);
    // Some compatible servers say "stop" after tool calls.
    if (summary_.finish_reason == FinishReason::stop && !calls_.empty())
      summary_.finish_reason = FinishReason::tool_calls;
  }
  return ok();
}

Result<void> ChunkReader::read_call(const json::object& fragment, std::vector<ChatDelta>& out) {
  const auto* index_field = fragment.if_contains("index");
  const auto* wire_index = index_field ? index_field->if_int64() : nullptr;
  const std::int64_t index = wire_index ? *wire_index : 0;
  const auto id = text_in(fragment, "id");
  const auto* function_field = fragment.if_contains("function");
  const auto* function = function_field ? function_field->if_object() : nullptr;

  auto open = std::ranges::find(calls_.rbegin(), calls_.rend(), index, &OpenCall::wire_index);
  // Some compatible servers send every parallel call with index 0: a new id on an open index is a new call.
  const bool is_new = open == calls_.rend() || (!id.empty() && id != open->id);
  if (is_new) {
    const auto name = function ? text_in(*function, "name") : std::string_view();
    if (name.empty()) return upstream_error("the model began a tool call without a name");
    ChatDelta begin;
    begin.kind = ChatDelta::Kind::tool_call;
    begin.index = calls_.size();
    begin.id = id.empty() ? "call_" + make_ulid() : std::string(id);
    begin.name = name;
    calls_.push_back({index, begin.id});
    out.push_back(std::move(begin));
    open = calls_.rbegin();
  }
  if (const auto text = function ? text_in(*function, "arguments") : std::string_view(); !text.empty()) {
    auto more = text_delta(ChatDelta::Kind::tool_arguments, text);
    more.index = static_cast<std::size_t>(std::distance(open, calls_.rend()) - 1);
    out.push_back(std::move(more));
  }
  return ok();
}

ChunkWriter::ChunkWriter(std::string_view id, std::string_view model, std::int64_t created,
                         bool include_usage)
    : include_usage_(include_usage) {
  head_ = fmt::format(R"({{"id":{},"object":"chat.completion.chunk","created":{},"model":{},)", quoted(id),
                      created, quoted(model));
  tail_ = include_usage ? R"(,"usage":null})" : "}";
}

std::string ChunkWriter::chunk(std::string_view delta) const {
  return fmt::format(R"({}"choices":[{{"index":0,"delta":{},"logprobs":null,"finish_reason":null}}]{})",
                     head_, delta, tail_);
}

std::string ChunkWriter::first() const {
  return chunk(R"({"role":"assistant","content":""})");
}

std::string ChunkWriter::delta(const ChatDelta& delta) {
  switch (delta.kind) {
    case ChatDelta::Kind::text: return chunk(fmt::format(R"({{"content":{}}})", quoted(delta.text)));
    case ChatDelta::Kind::thinking:
      return chunk(fmt::format(R"({{"reasoning_content":{}}})", quoted(delta.text)));
    case ChatDelta::Kind::signature:
      return chunk(
          fmt::format(R"({{"thinking_blocks":[{{"type":"thinking","thinking":"","signature":{}}}]}})",
                      quoted(delta.text)));
    case ChatDelta::Kind::redacted_thinking:
      return chunk(fmt::format(R"({{"thinking_blocks":[{{"type":"redacted_thinking","data":{}}}]}})",
                               quoted(delta.text)));
    case ChatDelta::Kind::tool_call:
      has_arguments_.resize(delta.index + 1);
      return chunk(fmt::format(
          R"({{"tool_calls":[{{"index":{},"id":{},"type":"function","function":{{"name":{},"arguments":""}}}}]}})",
          delta.index, quoted(delta.id), quoted(delta.name)));
    case ChatDelta::Kind::tool_arguments:
      has_arguments_[delta.index] = true;
      return chunk(fmt::format(R"({{"tool_calls":[{{"index":{},"function":{{"arguments":{}}}}}]}})",
                               delta.index, quoted(delta.text)));
  }
  return chunk("{}");
}

std::vector<std::string> ChunkWriter::last(const ChatResult& result) const {
  std::vector<std::string> to;
  // Callers parse the arguments; a call that got none has to spell an empty object.
  for (std::size_t i = 0; i < has_arguments_.size(); ++i)
    if (!has_arguments_[i])
      to.push_back(
          chunk(fmt::format(R"({{"tool_calls":[{{"index":{},"function":{{"arguments":"{{}}"}}}}]}})", i)));
  to.push_back(
      fmt::format(R"({}"choices":[{{"index":0,"delta":{{}},"logprobs":null,"finish_reason":"{}"}}]{})", head_,
                  to_finish_reason(result.finish_reason), tail_));
  if (include_usage_)
    to.push_back(
        fmt::format(R"({}"choices":[],"usage":{}}})", head_, json::serialize(to_usage(result.usage))));
  to.push_back("[DONE]");
  return to;
}

}  // namespace isa::sdk::openai
