#include "model/anthropic/anthropic_wire.h"
#include "sdk/schema/strict_mode.h"

namespace isa::model::anthropic {
namespace {

using json::Path;
using sdk::ChatRole;
using sdk::Part;
using sdk::PartKind;
using sdk::openai::ServedRequest;

struct WireSource {
  using json_ignore_unknown = void;
  std::string type;
  std::optional<std::string> media_type, data, url;
};
BOOST_DESCRIBE_STRUCT(WireSource, (), (type, media_type, data, url))

struct WireBlock {
  using json_ignore_unknown = void;
  std::string type;
  std::optional<std::string> text, id, name, tool_use_id, thinking, signature, data;
  std::optional<json::object> input;
  std::optional<json::value> content;
  std::optional<bool> is_error;
  std::optional<WireSource> source;
};
BOOST_DESCRIBE_STRUCT(WireBlock, (),
                      (type, text, id, name, tool_use_id, thinking, signature, data, input, content, is_error,
                       source))

struct WireMessage {
  using json_ignore_unknown = void;
  std::string role;
  json::value content;
};
BOOST_DESCRIBE_STRUCT(WireMessage, (), (role, content))

struct WireTool {
  using json_ignore_unknown = void;
  std::string name;
  std::optional<std::string> type, description;
  std::optional<json::object> input_schema;
};
BOOST_DESCRIBE_STRUCT(WireTool, (), (name, type, description, input_schema))

struct WireToolChoice {
  using json_ignore_unknown = void;
  std::string type;
  std::optional<std::string> name;
  std::optional<bool> disable_parallel_tool_use;
};
BOOST_DESCRIBE_STRUCT(WireToolChoice, (), (type, name, disable_parallel_tool_use))

struct WireFormat {
  using json_ignore_unknown = void;
  std::string type;
  std::optional<json::object> schema;
};
BOOST_DESCRIBE_STRUCT(WireFormat, (), (type, schema))

struct WireOutputConfig {
  using json_ignore_unknown = void;
  std::optional<WireFormat> format;
};
BOOST_DESCRIBE_STRUCT(WireOutputConfig, (), (format))

struct WireRequest {
  using json_ignore_unknown = void;
  std::string model;
  std::int64_t max_tokens = 0;
  std::vector<WireMessage> messages;
  std::optional<json::value> system;
  std::optional<bool> stream;
  std::optional<std::vector<WireTool>> tools;
  std::optional<WireToolChoice> tool_choice;
  std::optional<double> temperature, top_p;
  std::optional<std::vector<std::string>> stop_sequences;
  std::optional<WireOutputConfig> output_config;
  std::optional<WireFormat> output_format;  // As the beta of output_config.format was called.
};
BOOST_DESCRIBE_STRUCT(WireRequest, (),
                      (model, max_tokens, messages, system, stream, tools, tool_choice, temperature, top_p,
                       stop_sequences, output_config, output_format))

void note(std::string& untranslatable, const Path& at, std::string_view what) {
  if (untranslatable.empty()) untranslatable = fmt::format("{}: {}", at.pointer(), what);
}

// A string or an array of text blocks, as one text.
Result<std::string> read_text(const json::value& from, const Path& at, std::string& untranslatable) {
  if (from.is_null()) return std::string();
  if (const auto* text = from.if_string()) return std::string(*text);
  std::vector<WireBlock> blocks;
  ISA_TRYV(json::detail::read(from, blocks, at));
  std::string joined;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i].type == "text")
      joined += blocks[i].text.value_or("");
    else
      note(untranslatable, Path{&at, {}, i}, blocks[i].type);
  }
  return joined;
}

Result<Part> read_image(const WireBlock& block, const Path& at, std::string& untranslatable) {
  if (!block.source) return json::broken_rule(at, "an image needs the field 'source'");
  Part part;
  part.kind = PartKind::image;
  part.media_type = block.source->media_type.value_or("");
  part.data = block.source->data.value_or("");
  part.url = block.source->url.value_or("");
  if (block.source->type != "base64" && block.source->type != "url")
    note(untranslatable, at, "an uploaded file");
  return part;
}

Result<Part> read_tool_result(const WireBlock& block, const Path& at, std::string& untranslatable) {
  if (!block.tool_use_id) return json::broken_rule(at, "a tool_result needs the field 'tool_use_id'");
  const json::value nothing;
  ISA_TRY(auto text,
          read_text(block.content ? *block.content : nothing, Path{&at, "content"}, untranslatable));
  return Part::make_tool_result(*block.tool_use_id, std::move(text), block.is_error.value_or(false));
}

Part thinking_part(PartKind kind, const std::optional<std::string>& text,
                   const std::optional<std::string>& signature) {
  Part part;
  part.kind = kind;
  part.text = text.value_or("");
  part.signature = signature.value_or("");
  return part;
}

// The parts of one content block, of which a block that has no common form has none.
Result<std::optional<Part>> read_block(const WireBlock& block, const Path& at, std::string& untranslatable) {
  if (block.type == "text") {
    if (!block.text) return json::broken_rule(at, "a text block needs the field 'text'");
    return Part::make_text(*block.text);
  }
  if (block.type == "image") return read_image(block, at, untranslatable);
  if (block.type == "tool_result") return read_tool_result(block, at, untranslatable);
  if (block.type == "thinking") return thinking_part(PartKind::thinking, block.thinking, block.signature);
  if (block.type == "redacted_thinking") return thinking_part(PartKind::redacted_thinking, block.data, {});
  if (block.type == "tool_use") {
    if (!block.id || !block.name) return json::broken_rule(at, "a tool_use needs the fields 'id' and 'name'");
    return Part::make_tool_call(*block.id, *block.name,
                                json::serialize(block.input.value_or(json::object())));
  }
  note(untranslatable, at, block.type);
  return std::optional<Part>();
}

Result<void> read_message(const WireMessage& from, const Path& at, ServedRequest& to) {
  const auto role = from.role == "user"        ? ChatRole::user
                    : from.role == "assistant" ? ChatRole::assistant
                                               : ChatRole::system;
  if (role == ChatRole::system && from.role != "system")
    return json::broken_rule(Path{&at, "role"}, fmt::format("'{}' is not one of user, assistant", from.role));
  sdk::Message message{role, {}}, results{ChatRole::tool, {}};
  const Path content{&at, "content"};
  if (const auto* text = from.content.if_string()) {
    message.parts.push_back(Part::make_text(std::string(*text)));
  } else {
    std::vector<WireBlock> blocks;
    ISA_TRYV(json::detail::read(from.content, blocks, content));
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      ISA_TRY(auto part, read_block(blocks[i], Path{&content, {}, i}, to.untranslatable));
      if (!part) continue;
      auto& parts = part->kind == PartKind::tool_result ? results.parts : message.parts;
      parts.push_back(*std::move(part));
    }
  }
  if (!results.parts.empty()) to.chat.messages.push_back(std::move(results));
  if (!message.parts.empty()) to.chat.messages.push_back(std::move(message));
  return ok();
}

Result<void> read_tools(const std::vector<WireTool>& tools, const Path& at, ServedRequest& to) {
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const auto& tool = tools[i];
    if (tool.type.value_or("custom") != "custom") {
      note(to.untranslatable, Path{&at, {}, i}, *tool.type);
      continue;
    }
    if (!tool.input_schema)
      return json::broken_rule(Path{&at, {}, i}, "a tool needs the field 'input_schema'");
    to.chat.tools.push_back({tool.name, tool.description.value_or(""), *tool.input_schema});
  }
  return ok();
}

Result<void> read_tool_choice(const WireToolChoice& from, const Path& at, ChatRequest& to) {
  using sdk::ToolChoice;
  if (from.type == "any")
    to.tool_choice = ToolChoice::required;
  else if (from.type == "none")
    to.tool_choice = ToolChoice::none;
  else if (from.type == "tool")
    to.tool_choice = ToolChoice::named;
  else if (from.type != "auto")
    return json::broken_rule(at, "type is not one of auto, any, tool, none");
  if (to.tool_choice == ToolChoice::named && !from.name)
    return json::broken_rule(at, "the field 'name' is missing");
  to.tool_choice_name = from.name.value_or("");
  if (from.disable_parallel_tool_use) to.parallel_tool_calls = !*from.disable_parallel_tool_use;
  return ok();
}

// As OpenAI's response_format has it.
Result<void> read_format(const WireFormat& from, const Path& at, ServedRequest& to) {
  if (from.type != "json_schema") {
    note(to.untranslatable, at, from.type);
    return ok();
  }
  if (!from.schema) return json::broken_rule(at, "a json_schema needs the field 'schema'");
  json::object named;
  named["name"] = "answer";
  named["schema"] = *from.schema;
  if (sdk::schema::fits_strict_mode(*from.schema)) named["strict"] = true;
  auto& format = to.chat.response_format.emplace();
  format["type"] = "json_schema";
  format["json_schema"] = std::move(named);
  return ok();
}

}  // namespace

Result<ServedRequest> from_request(std::string_view body) {
  ISA_TRY(auto document, json::parse(body));
  ISA_TRY(auto wire, json::read<WireRequest>(document));
  const Path root;
  if (wire.messages.empty())
    return json::broken_rule(Path{&root, "messages"}, "must hold at least one message");
  if (wire.max_tokens < 1) return json::broken_rule(Path{&root, "max_tokens"}, "must be at least 1");

  ServedRequest to;
  auto& chat = to.chat;
  if (wire.system) {
    ISA_TRY(auto system, read_text(*wire.system, Path{&root, "system"}, to.untranslatable));
    if (!system.empty()) chat.messages.push_back(sdk::Message::make(ChatRole::system, std::move(system)));
  }
  const Path messages{&root, "messages"};
  for (std::size_t i = 0; i < wire.messages.size(); ++i)
    ISA_TRYV(read_message(wire.messages[i], Path{&messages, {}, i}, to));
  if (wire.tools) ISA_TRYV(read_tools(*wire.tools, Path{&root, "tools"}, to));
  if (wire.tool_choice) ISA_TRYV(read_tool_choice(*wire.tool_choice, Path{&root, "tool_choice"}, chat));
  if (wire.output_format) ISA_TRYV(read_format(*wire.output_format, Path{&root, "output_format"}, to));
  const Path config{&root, "output_config"};
  if (wire.output_config && wire.output_config->format)
    ISA_TRYV(read_format(*wire.output_config->format, Path{&config, "format"}, to));
  chat.model = std::move(wire.model);
  chat.max_tokens = wire.max_tokens;
  chat.temperature = wire.temperature;
  chat.top_p = wire.top_p;
  chat.stop = std::move(wire.stop_sequences).value_or(std::vector<std::string>());
  to.stream = wire.stream.value_or(false);
  chat.extra = std::move(document.get_object());
  for (const auto name : {"model", "stream", kBetaField}) chat.extra.erase(name);
  chat.extra_dialect = "anthropic";
  return to;
}

}  // namespace isa::model::anthropic
