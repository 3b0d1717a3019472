#include "sdk/mcp/server_tool.h"

#include "sdk/mcp/answer_text.h"
#include "sdk/mcp/tool_name.h"
#include "sdk/tools/typed_tool.h"

#include <algorithm>

namespace isa::sdk::mcp {
namespace {

ToolSpec spec_of(const Server& server, const ToolInfo& info, std::string name) {
  ToolSpec spec{std::move(name), info.description, info.input_schema};
  if (spec.description.empty())
    spec.description = fmt::format("The tool {} of the MCP server {}.", info.name, server.name());
  spec.parameters["type"] = "object";  // Providers insist; MCP says so, too, but servers forget.
  return spec;
}

ToolProgress to_tool_progress(const Progress& progress) {
  ToolProgress news;
  if (progress.total && *progress.total > 0)
    news.percent = std::clamp(100 * progress.progress / *progress.total, 0.0, 100.0);
  if (!progress.message.empty())
    news.text = progress.message + "\n";
  else if (!news.percent)
    news.text = fmt::format("{}\n", progress.progress);
  return news;
}

class ServerTool final : public Tool {
 public:
  ServerTool(std::shared_ptr<Server> server, ToolInfo info, std::string name)
      : spec_(spec_of(*server, info, std::move(name))),
        allowed_as_(ToolRef{server->name(), info.name}.to_string()),
        server_(std::move(server)),
        info_(std::move(info)) {}

  const ToolSpec& spec() const override { return spec_; }
  std::string_view allowed_as() const override { return allowed_as_; }
  bool is_read_only() const override { return info_.is_read_only; }

  Task<ToolOutput> call(json::object arguments, ToolContext context) override {
    // Held over the call: the tools of a chat may outlive their box for as long as a call takes to unwind.
    const auto server = server_;
    const auto client = co_await server->client(context.deadline);
    if (!client) co_return tool_failure(client.error());
    CallLimits limits;
    limits.deadline = context.deadline;
    limits.progress = [&context](const Progress& progress) { context.report(to_tool_progress(progress)); };
    const auto answer = co_await (*client)->call_tool(info_, std::move(arguments), std::move(limits));
    if (!answer) co_return tool_failure(answer.error());
    co_return to_output(*answer);
  }

 private:
  ToolSpec spec_;
  std::string allowed_as_;
  std::shared_ptr<Server> server_;
  ToolInfo info_;
};

}  // namespace

std::shared_ptr<Tool> make_server_tool(std::shared_ptr<Server> server, ToolInfo info, std::string name) {
  return std::make_shared<ServerTool>(std::move(server), std::move(info), std::move(name));
}

}  // namespace isa::sdk::mcp
