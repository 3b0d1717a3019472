#include "sdk/mcp/listings.h"

#include "base/utf8.h"

#include <algorithm>

namespace isa::sdk::mcp {
namespace {

constexpr std::size_t kNameMax = 128;          // Characters of a tool's name (2025-11-25, tools).
constexpr std::size_t kDescriptionMax = 4096;  // Bytes.
constexpr std::size_t kSchemaMax = 64 << 10;   // Of a tool's input schema, as text.
constexpr std::size_t kUriMax = 4096;
constexpr std::size_t kArgumentsMax = 64;

std::string text_at(const json::object& from, std::string_view key, std::size_t max) {
  const auto* found = from.if_contains(key);
  return found && found->is_string() ? cut_text(found->get_string(), max) : std::string();
}

bool flag_at(const json::object& from, std::string_view key) {
  const auto* found = from.if_contains(key);
  return found && found->is_bool() && found->get_bool();
}

// The first field of these that is a text of its own.
Result<std::string> required(const json::object& from, std::initializer_list<std::string_view> keys,
                             std::size_t max) {
  for (const auto key : keys) {
    const auto* found = from.if_contains(key);
    if (!found || !found->is_string()) continue;
    const std::string_view text = found->get_string();
    const bool is_printable =
        std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
    if (!text.empty() && text.size() <= max && is_printable) return std::string(text);
  }
  return validation_error("an entry without a usable '{}'", *keys.begin());
}

Result<const json::object*> object_of(const json::value& from) {
  if (const auto* object = from.if_object()) return object;
  return validation_error("an entry that is no object");
}

}  // namespace

std::string cut_text(std::string_view text, std::size_t max) {
  if (text.size() <= max) return std::string(text);
  const auto kept = cut_utf8(text, max);
  return fmt::format("{}... [{} bytes more]", kept, text.size() - kept.size());
}

Result<ToolInfo> read_tool(const json::value& from, bool needs_headers) {
  ISA_TRY(const auto* object, object_of(from));
  ToolInfo tool;
  ISA_TRY(tool.name, required(*object, {"name"}, kNameMax));
  tool.description = text_at(*object, "description", kDescriptionMax);
  if (tool.description.empty()) tool.description = text_at(*object, "title", kDescriptionMax);
  const auto* schema = object->if_contains("inputSchema");
  if (!schema || !schema->is_object())
    return validation_error("the tool '{}' has no input schema", tool.name);
  if (json::serialize(*schema).size() > kSchemaMax)
    return validation_error("the tool '{}' has an input schema of more than {} kB", tool.name,
                            kSchemaMax >> 10);
  tool.input_schema = schema->get_object();
  if (const auto* annotations = object->if_contains("annotations"); annotations && annotations->is_object())
    tool.is_read_only = flag_at(annotations->get_object(), "readOnlyHint");
  if (!needs_headers) return tool;
  ISA_TRY(tool.headers, param_headers(tool.input_schema));
  return tool;
}

Result<ResourceInfo> read_resource_info(const json::value& from, bool) {
  ISA_TRY(const auto* object, object_of(from));
  ResourceInfo resource;
  ISA_TRY(resource.uri, required(*object, {"uri", "uriTemplate"}, kUriMax));
  resource.name = text_at(*object, "name", kNameMax);
  resource.description = text_at(*object, "description", kDescriptionMax);
  resource.media_type = text_at(*object, "mimeType", kNameMax);
  return resource;
}

Result<PromptInfo> read_prompt(const json::value& from, bool) {
  ISA_TRY(const auto* object, object_of(from));
  PromptInfo prompt;
  ISA_TRY(prompt.name, required(*object, {"name"}, kNameMax));
  prompt.description = text_at(*object, "description", kDescriptionMax);
  const auto* arguments = object->if_contains("arguments");
  if (!arguments || !arguments->is_array()) return prompt;
  for (const auto& value : arguments->get_array()) {
    if (prompt.arguments.size() >= kArgumentsMax) break;
    const auto* argument = value.if_object();
    if (!argument) continue;
    PromptArgument read;
    ISA_TRY(read.name, required(*argument, {"name"}, kNameMax));
    read.description = text_at(*argument, "description", kDescriptionMax);
    read.is_required = flag_at(*argument, "required");
    prompt.arguments.push_back(std::move(read));
  }
  return prompt;
}

}  // namespace isa::sdk::mcp
