#include "agent/chat_request.h"

#include "agent/field_rules.h"
#include "sdk/structured_output.h"

namespace isa::agent {
namespace {

constexpr std::size_t kMessageMax = 1 << 20;  // Bytes.

Result<void> check_options(const ChatOptions& options) {
  if (options.session_id) ISA_TRYV(check_id("session_id", options.session_id->value()));
  if (options.model) ISA_TRYV(check_length("model", *options.model, 1, 200));
  if (options.system_prompt) ISA_TRYV(check_length("system_prompt", *options.system_prompt, 0, kPromptMax));
  if (options.tools) ISA_TRYV(check_tools(*options.tools));
  if (options.client_tools) ISA_TRYV(check_client_tools(*options.client_tools));
  const auto format = options.output_format.value_or(options.output_schema ? "json" : "text");
  if (format != "text" && format != "json")
    return validation_error("/output_format: expected 'text' or 'json'").with_param("/output_format");
  if (!options.output_schema) return ok();
  if (format == "text")
    return validation_error("/output_format: an answer that fits output_schema is 'json'")
        .with_param("/output_format");
  if (auto checked = sdk::check_output_schema(*options.output_schema); !checked)
    return validation_error("/output_schema: {}", checked.error().message()).with_param("/output_schema");
  return ok();
}

}  // namespace

Result<void> check_message(std::string_view field, const std::string& text) {
  const auto pointer = fmt::format("/{}", field);
  if (text.empty()) return validation_error("{}: must not be empty", pointer).with_param(pointer);
  if (text.size() > kMessageMax)
    return validation_error("{}: must have at most {} bytes", pointer, kMessageMax).with_param(pointer);
  return ok();
}

Result<ChatBody> parse_chat(std::string_view text) {
  ISA_TRY(const auto document, json::parse(text));
  if (document.is_object() && document.get_object().contains("messages"))
    return validation_error(
               "/messages: a chat takes one 'message' (a string), not 'messages'; send session_id to go on "
               "with a "
               "conversation")
        .with_param("/messages");
  ISA_TRY(auto body, json::read<ChatBody>(document));
  ISA_TRYV(check_message("message", body.message));
  ISA_TRYV(check_options(body));
  return body;
}

Result<QueryBody> parse_query(std::string_view text) {
  ISA_TRY(auto body, json::parse_as<QueryBody>(text));
  ISA_TRYV(check_message("prompt", body.prompt));
  ISA_TRYV(check_options(body));
  return body;
}

}  // namespace isa::agent
