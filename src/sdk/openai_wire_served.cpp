#include "sdk/openai_wire.h"

namespace isa::sdk::openai {
namespace {

struct WireFunctionSpec {
  using json_ignore_unknown = void;
  std::string name;
  std::optional<std::string> description;
  std::optional<json::object> parameters;
};
BOOST_DESCRIBE_STRUCT(WireFunctionSpec, (), (name, description, parameters))

struct WireTool {
  using json_ignore_unknown = void;
  std::string type;
  std::optional<WireFunctionSpec> function;
};
BOOST_DESCRIBE_STRUCT(WireTool, (), (type, function))

struct WireFunction {
  using json_ignore_unknown = void;
  std::string name;
  std::optional<std::string> arguments;
};
BOOST_DESCRIBE_STRUCT(WireFunction, (), (name, arguments))

struct WireCall {
  using json_ignore_unknown = void;
  std::string id;
  std::optional<std::string> type;
  std::optional<WireFunction> function;
};
BOOST_DESCRIBE_STRUCT(WireCall, (), (id, type, function))

struct WireThinking {
  using json_ignore_unknown = void;
  std::string type;
  std::optional<std::string> thinking, signature, data;
};
BOOST_DESCRIBE_STRUCT(WireThinking, (), (type, thinking, signature, data))

struct WireMessage {
  using json_ignore_unknown = void;
  std::string role;
  std::optional<json::value> content;
  std::optional<std::vector<WireCall>> tool_calls;
  std::optional<std::string> tool_call_id, refusal;
  std::optional<std::vector<WireThinking>> thinking_blocks;
  std::optional<bool> is_error;
};
BOOST_DESCRIBE_STRUCT(WireMessage, (),
                      (role, content, tool_calls, tool_call_id, refusal, thinking_blocks, is_error))

struct WireStreamOptions {
  using json_ignore_unknown = void;
  std::optional<bool> include_usage;
};
BOOST_DESCRIBE_STRUCT(WireStreamOptions, (), (include_usage))

struct WireRequest {
  using json_ignore_unknown = void;
  std::string model;
  std::vector<WireMessage> messages;
  std::optional<bool> stream;
  std::optional<WireStreamOptions> stream_options;
  std::optional<std::vector<WireTool>> tools;
  std::optional<json::value> tool_choice;
  std::optional<bool> parallel_tool_calls, logprobs;
  std::optional<std::int64_t> max_tokens, max_completion_tokens, n;
  std::optional<double> temperature, top_p;
  std::optional<json::value> stop;
  std::optional<json::object> response_format;
};
BOOST_DESCRIBE_STRUCT(WireRequest, (),
                      (model, messages, stream, stream_options, tools, tool_choice, parallel_tool_calls,
                       logprobs, max_tokens, max_completion_tokens, n, temperature, top_p, stop,
                       response_format))

struct WireImage {
  using json_ignore_unknown = void;
  std::string url;
};
BOOST_DESCRIBE_STRUCT(WireImage, (), (url))

struct WirePart {
  using json_ignore_unknown = void;
  std::string type;
  std::optional<std::string> text, refusal;
  std::optional<WireImage> image_url;
};
BOOST_DESCRIBE_STRUCT(WirePart, (), (type, text, refusal, image_url))

using json::Path;

void note(std::string& untranslatable, const Path& at, std::string_view what) {
  if (untranslatable.empty()) untranslatable = fmt::format("{}: {}", at.pointer(), what);
}

Part image(std::string url) {
  Part part;
  part.kind = PartKind::image;
  const auto comma = url.find(";base64,");
  if (url.starts_with("data:") && comma != std::string::npos) {
    part.media_type = url.substr(5, comma - 5);
    part.data = url.substr(comma + 8);
  } else {
    part.url = std::move(url);
  }
  return part;
}

// A string or an array of parts.
Result<void> read_content(const json::value& from, const Path& at, std::vector<Part>& to,
                          std::string& untranslatable) {
  if (from.is_null()) return ok();
  if (const auto* text = from.if_string()) {
    if (!text->empty()) to.push_back(Part::make_text(std::string(*text)));
    return ok();
  }
  if (!from.is_array()) return json::expected(at, "a string or an array of parts", from);
  for (std::size_t i = 0; i < from.get_array().size(); ++i) {
    const Path here{&at, {}, i};
    WirePart part;
    ISA_TRYV(json::detail::read(from.get_array()[i], part, here));
    if (part.type == "text" && part.text)
      to.push_back(Part::make_text(std::move(*part.text)));
    else if (part.type == "refusal" && part.refusal)
      to.push_back(Part::make_text(std::move(*part.refusal)));
    else if (part.type == "image_url" && part.image_url)
      to.push_back(image(std::move(part.image_url->url)));
    else if (part.type == "text" || part.type == "refusal" || part.type == "image_url")
      return json::broken_rule(here, fmt::format("a part of type '{0}' needs the field '{0}'", part.type));
    else
      note(untranslatable, here, part.type);
  }
  return ok();
}

Result<void> read_calls(std::vector<WireCall> calls, const Path& at, Message& to,
                        std::string& untranslatable) {
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Path here{&at, {}, i};
    auto& call = calls[i];
    if (call.function) {
      to.parts.push_back(Part::make_tool_call(std::move(call.id), std::move(call.function->name),
                                              std::move(call.function->arguments).value_or("")));
    } else if (call.type.value_or("function") == "function") {
      return json::broken_rule(here, "a tool call needs the field 'function'");
    } else {
      note(untranslatable, here, *call.type);
    }
  }
  return ok();
}

void add_thinking(std::vector<WireThinking> blocks, Message& to) {
  for (auto& block : blocks) {
    auto& part = to.parts.emplace_back();
    part.kind = block.type == "redacted_thinking" ? PartKind::redacted_thinking : PartKind::thinking;
    part.text = std::move(part.kind == PartKind::thinking ? block.thinking : block.data).value_or("");
    part.signature = std::move(block.signature).value_or("");
  }
}

Result<void> add_message(WireMessage from, const Path& at, ServedRequest& to) {
  auto& messages = to.chat.messages;
  std::vector<Part> content;
  const auto nothing = json::value();
  const auto& wire_content = from.content ? *from.content : nothing;
  ISA_TRYV(read_content(wire_content, Path{&at, "content"}, content, to.untranslatable));

  if (from.role == "tool" || from.role == "function") {
    if (!from.tool_call_id)
      return json::broken_rule(at, "a message of role 'tool' needs the field 'tool_call_id'");
    std::string text;
    for (const auto& part : content) text += part.text;
    if (messages.empty() || messages.back().role != ChatRole::tool) messages.push_back({ChatRole::tool, {}});
    messages.back().parts.push_back(Part::make_tool_result(std::move(*from.tool_call_id), std::move(text),
                                                           from.is_error.value_or(false)));
    return ok();
  }
  Message message;
  if (from.role == "system" || from.role == "developer") {
    message = {ChatRole::system, std::move(content)};
  } else if (from.role == "user") {
    message = {ChatRole::user, std::move(content)};
  } else if (from.role == "assistant") {
    message.role = ChatRole::assistant;
    if (from.thinking_blocks) add_thinking(std::move(*from.thinking_blocks), message);
    message.parts.insert(message.parts.end(), content.begin(), content.end());
    if (from.refusal && content.empty()) message.parts.push_back(Part::make_text(std::move(*from.refusal)));
    if (from.tool_calls)
      ISA_TRYV(read_calls(std::move(*from.tool_calls), Path{&at, "tool_calls"}, message, to.untranslatable));
  } else {
    return json::broken_rule(
        Path{&at, "role"},
        fmt::format("'{}' is not one of system, developer, user, assistant, tool", from.role));
  }
  messages.push_back(std::move(message));
  return ok();
}

Result<void> read_tools(std::vector<WireTool> tools, const Path& at, ServedRequest& to) {
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const Path here{&at, {}, i};
    auto& function = tools[i].function;
    if (tools[i].type != "function" || !function)
      return json::broken_rule(here,
                               "only tools of the type 'function', with their field 'function', are served");
    to.chat.tools.push_back({std::move(function->name), std::move(function->description).value_or(""),
                             std::move(function->parameters).value_or(json::object())});
  }
  return ok();
}

Result<void> read_tool_choice(const json::value& from, const Path& at, ServedRequest& to) {
  auto& chat = to.chat;
  if (const auto* text = from.if_string()) {
    if (*text == "none")
      chat.tool_choice = ToolChoice::none;
    else if (*text == "required")
      chat.tool_choice = ToolChoice::required;
    else if (*text != "auto")
      return json::broken_rule(at, "must be none, auto, required or an object that names a tool");
    return ok();
  }
  WireTool named;  // {"type":"function","function":{"name"}}
  ISA_TRYV(json::detail::read(from, named, at));
  if (named.type != "function" || !named.function) {
    note(to.untranslatable, at, named.type);
    return ok();
  }
  chat.tool_choice = ToolChoice::named;
  chat.tool_choice_name = std::move(named.function->name);
  return ok();
}

Result<void> read_stop(const json::value& from, const Path& at, std::vector<std::string>& to) {
  if (from.is_null()) return ok();
  if (!from.is_string()) return json::detail::read(from, to, at);
  to.emplace_back(from.get_string());
  return ok();
}

bool has_extensions(const std::vector<WireMessage>& messages) {
  for (const auto& message : messages)
    if (message.is_error || message.thinking_blocks) return true;
  return false;
}

}  // namespace

Result<ServedRequest> from_request(std::string_view body) {
  ISA_TRY(auto document, json::parse(body));
  ISA_TRY(auto wire, json::read<WireRequest>(document));
  const Path root;
  if (wire.messages.empty())
    return json::broken_rule(Path{&root, "messages"}, "must hold at least one message");
  if (wire.n.value_or(1) != 1) return json::broken_rule(Path{&root, "n"}, "only 1 is served");
  if (wire.logprobs.value_or(false))
    return json::broken_rule(Path{&root, "logprobs"}, "only false is served");

  ServedRequest to;
  auto& chat = to.chat;
  auto& extra = chat.extra = std::move(document.get_object());
  for (const auto name : {"model", "stream", "stream_options"}) extra.erase(name);
  // Our own extensions are for us: another server may refuse a message that holds them.
  if (has_extensions(wire.messages)) extra.erase("messages");
  chat.extra_dialect = "openai";

  const Path messages{&root, "messages"};
  for (std::size_t i = 0; i < wire.messages.size(); ++i)
    ISA_TRYV(add_message(std::move(wire.messages[i]), Path{&messages, {}, i}, to));
  if (wire.tools) ISA_TRYV(read_tools(std::move(*wire.tools), Path{&root, "tools"}, to));
  if (wire.tool_choice) ISA_TRYV(read_tool_choice(*wire.tool_choice, Path{&root, "tool_choice"}, to));
  if (wire.stop) ISA_TRYV(read_stop(*wire.stop, Path{&root, "stop"}, chat.stop));
  chat.model = std::move(wire.model);
  chat.parallel_tool_calls = wire.parallel_tool_calls;
  chat.max_tokens = wire.max_completion_tokens ? wire.max_completion_tokens : wire.max_tokens;
  chat.temperature = wire.temperature;
  chat.top_p = wire.top_p;
  chat.response_format = std::move(wire.response_format);
  to.stream = wire.stream.value_or(false);
  to.include_usage = wire.stream_options && wire.stream_options->include_usage.value_or(false);
  return to;
}

}  // namespace isa::sdk::openai
