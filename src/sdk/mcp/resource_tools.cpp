#include "sdk/mcp/answer_text.h"
#include "sdk/mcp/server_tool.h"
#include "sdk/mcp/servers.h"
#include "sdk/tools/typed_tool.h"

#include <algorithm>

namespace isa::sdk::mcp {
namespace {

struct ListArguments {
  std::optional<std::string> server;
};
BOOST_DESCRIBE_STRUCT(ListArguments, (), (server))

struct ReadArguments {
  std::string uri;
  std::optional<std::string> server;
};
BOOST_DESCRIBE_STRUCT(ReadArguments, (), (uri, server))

struct PromptArguments {
  std::string name;
  std::optional<std::string> server;
  std::optional<std::map<std::string, std::string>> arguments;
};
BOOST_DESCRIBE_STRUCT(PromptArguments, (), (name, server, arguments))

// The servers that have resources, or prompts.
class Choice {
 public:
  explicit Choice(std::vector<std::shared_ptr<Server>> servers) : servers_(std::move(servers)) {}

  bool empty() const { return servers_.empty(); }
  std::string names() const {
    std::string names;
    for (const auto& server : servers_) names += (names.empty() ? "" : ", ") + server->name();
    return names;
  }
  Result<std::vector<std::shared_ptr<Server>>> several(const std::optional<std::string>& name) const {
    if (!name) return servers_;
    ISA_TRY(auto found, one(name));
    return std::vector{std::move(found)};
  }
  Result<std::shared_ptr<Server>> one(const std::optional<std::string>& name) const {
    if (!name && servers_.size() == 1) return servers_.front();
    if (!name) return validation_error("/server: there are several, name one of: {}", names());
    const auto found = std::ranges::find(servers_, *name, &Server::name);
    if (found == servers_.end()) return validation_error("/server: '{}' is none of: {}", *name, names());
    return *found;
  }

 private:
  std::vector<std::shared_ptr<Server>> servers_;
};

template <class Arguments>
class ResourceTool : public TypedTool<Arguments> {
 public:
  ResourceTool(ToolSpec spec, std::shared_ptr<Choice> choice)
      : TypedTool<Arguments>(std::move(spec)), choice_(std::move(choice)) {}
  bool is_read_only() const override { return true; }

 protected:
  std::shared_ptr<Choice> choice_;
};

CallLimits until(Deadline deadline) {
  CallLimits limits;
  limits.deadline = deadline;
  return limits;
}

std::string line_of(const std::string& server, const ResourceInfo& resource, std::string_view what) {
  return fmt::format("{}: {} {} ({}{}{}){}{}", server, what, resource.uri, resource.name,
                     resource.media_type.empty() ? "" : ", ", resource.media_type,
                     resource.description.empty() ? "" : ": ", resource.description);
}

class ListResources final : public ResourceTool<ListArguments> {
  using ResourceTool::ResourceTool;
  Task<Result<ToolOutput>> run(ListArguments from, ToolContext context) override {
    const auto deadline = context.deadline;
    ISA_CO_TRY(const auto servers, choice_->several(from.server));
    std::vector<std::string> lines;
    for (const auto& server : servers) {
      ISA_CO_TRY(const auto client, co_await server->client(deadline));
      ISA_CO_TRY(const auto listed, co_await client->list_resources(deadline));
      for (const auto& one : listed.items) lines.push_back(line_of(server->name(), one, "resource"));
      if (listed.is_cut) lines.push_back(fmt::format("{}: [there are more]", server->name()));
      // Servers without templates may not know the question.
      const auto templates = co_await client->list_resource_templates(deadline);
      if (!templates) continue;
      for (const auto& one : templates->items) lines.push_back(line_of(server->name(), one, "template"));
    }
    co_return to_output_of_lines(lines, "there are no resources");
  }
};

class ReadResource final : public ResourceTool<ReadArguments> {
  using ResourceTool::ResourceTool;
  Task<Result<ToolOutput>> run(ReadArguments from, ToolContext context) override {
    const auto deadline = context.deadline;
    ISA_CO_TRY(const auto server, choice_->one(from.server));
    ISA_CO_TRY(const auto client, co_await server->client(deadline));
    ISA_CO_TRY(const auto contents, co_await client->read_resource(std::move(from.uri), until(deadline)));
    co_return to_output_of_resource(contents);
  }
};

class ListPrompts final : public ResourceTool<ListArguments> {
  using ResourceTool::ResourceTool;
  Task<Result<ToolOutput>> run(ListArguments from, ToolContext context) override {
    const auto deadline = context.deadline;
    ISA_CO_TRY(const auto servers, choice_->several(from.server));
    std::vector<std::string> lines;
    for (const auto& server : servers) {
      ISA_CO_TRY(const auto client, co_await server->client(deadline));
      ISA_CO_TRY(const auto listed, co_await client->list_prompts(deadline));
      for (const auto& one : listed.items) {
        std::string arguments;
        for (const auto& argument : one.arguments)
          arguments += fmt::format("{}{}{}", arguments.empty() ? "" : ", ", argument.name,
                                   argument.is_required ? "" : "?");
        lines.push_back(fmt::format("{}: {}({}){}{}", server->name(), one.name, arguments,
                                    one.description.empty() ? "" : ": ", one.description));
      }
    }
    co_return to_output_of_lines(lines, "there are no prompts");
  }
};

class GetPrompt final : public ResourceTool<PromptArguments> {
  using ResourceTool::ResourceTool;
  Task<Result<ToolOutput>> run(PromptArguments from, ToolContext context) override {
    const auto deadline = context.deadline;
    ISA_CO_TRY(const auto server, choice_->one(from.server));
    ISA_CO_TRY(const auto client, co_await server->client(deadline));
    json::object arguments;
    if (from.arguments)
      for (const auto& [name, value] : *from.arguments) arguments[name] = value;
    ISA_CO_TRY(const auto messages,
               co_await client->get_prompt(std::move(from.name), std::move(arguments), until(deadline)));
    co_return to_output_of_prompt(messages);
  }
};

constexpr std::string_view kListSchema = R"({
  "type": "object", "additionalProperties": false,
  "properties": {"server": {"type": "string", "description": "Of one server only"}}})";
constexpr std::string_view kReadSchema = R"({
  "type": "object", "additionalProperties": false, "required": ["uri"],
  "properties": {"uri": {"type": "string"},
                 "server": {"type": "string", "description": "Needed when there are several"}}})";
constexpr std::string_view kPromptSchema = R"({
  "type": "object", "additionalProperties": false, "required": ["name"],
  "properties": {"name": {"type": "string"},
                 "server": {"type": "string", "description": "Needed when there are several"},
                 "arguments": {"type": "object", "additionalProperties": {"type": "string"}}}})";

ToolSpec named(std::string name, std::string_view what, const Choice& choice, std::string_view schema) {
  return make_tool_spec(std::move(name), fmt::format("{} Servers: {}.", what, choice.names()), schema);
}

}  // namespace

const std::vector<std::string>& resource_tool_names() {
  static const std::vector<std::string> names = {"mcp_list_resources", "mcp_read_resource",
                                                 "mcp_list_prompts", "mcp_get_prompt"};
  return names;
}

Task<void> add_resource_tools(std::vector<std::shared_ptr<Server>> servers, std::vector<std::string> allowed,
                              std::vector<std::shared_ptr<Tool>>& to) {
  std::vector<std::shared_ptr<Server>> with_resources, with_prompts;
  for (const auto& server : servers) {
    const auto client = co_await server->client(Deadline::after(std::chrono::seconds(1)));
    if (client && (*client)->offers("resources")) with_resources.push_back(server);
    if (client && (*client)->offers("prompts")) with_prompts.push_back(server);
  }
  const auto is_allowed = [&](std::size_t i) {
    return std::ranges::count(allowed, resource_tool_names()[i]) > 0;
  };
  const auto& names = resource_tool_names();
  const auto resources = std::make_shared<Choice>(std::move(with_resources));
  const auto prompts = std::make_shared<Choice>(std::move(with_prompts));
  if (!resources->empty() && is_allowed(0))
    to.push_back(std::make_shared<ListResources>(
        named(names[0], "Lists the resources of MCP servers.", *resources, kListSchema), resources));
  if (!resources->empty() && is_allowed(1))
    to.push_back(std::make_shared<ReadResource>(
        named(names[1], "Reads a resource of an MCP server.", *resources, kReadSchema), resources));
  if (!prompts->empty() && is_allowed(2))
    to.push_back(std::make_shared<ListPrompts>(
        named(names[2], "Lists the prompts of MCP servers.", *prompts, kListSchema), prompts));
  if (!prompts->empty() && is_allowed(3))
    to.push_back(std::make_shared<GetPrompt>(
        named(names[3], "Gets a prompt of an MCP server.", *prompts, kPromptSchema), prompts));
}

}  // namespace isa::sdk::mcp
