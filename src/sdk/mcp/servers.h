// The MCP servers of the agents that a sandbox serves, and what of them their models may use.
#pragma once

#include "sdk/mcp/server.h"
#include "sdk/tool.h"

#include <memory>
#include <string>
#include <vector>

namespace isa::sdk::mcp {

struct Unavailable {
  std::string server;
  std::string message;
};

struct Equipment {
  std::vector<std::shared_ptr<Tool>> tools;  // Each allowed by ToolRef::to_string() or by its own name.
  std::vector<Unavailable> unavailable;
};

// Lives on one event loop. Await stop() before it is destroyed.
class Servers {
 public:
  Servers(asio::any_io_executor executor, Connect connect, ServerLimits limits = {});

  // The tools of those servers that `allowed` names (mcp:<server>/... , or one of resource_tool_names()).
  // Starts what does not run, all at once; a server whose spec or environment changed is started anew, one
  // that is not wanted any more is stopped. But what the tools of another chat use runs on, under the same
  // name too, as long as these live: a sandbox may serve several chats at once, of different agents. What
  // fails is told, and costs the rest nothing but time.
  // Waits no longer than until `deadline`, nor twice the time that a server may take to start.
  Task<Equipment> equip(ServerSpecs wanted, Environment environment, std::vector<std::string> allowed,
                        Deadline deadline = Deadline::never());
  std::size_t running() const { return servers_.size(); }
  Task<void> stop();

 private:
  struct Running {
    std::shared_ptr<Server> server;
    std::weak_ptr<Server> use;  // Lives as long as any tool of the server, or a chat that is being equipped.
  };
  static std::shared_ptr<Server> use(Running& running);
  std::vector<std::shared_ptr<Server>> take_over(const ServerSpecs& wanted, const Environment& environment,
                                                 const std::vector<std::string>& allowed);
  void retire(std::shared_ptr<Server> server);

  asio::any_io_executor executor_;
  Connect connect_;
  ServerLimits limits_;
  std::vector<Running> servers_;
  TaskGroup tasks_;
};

// mcp_list_resources, mcp_read_resource, mcp_list_prompts, mcp_get_prompt.
const std::vector<std::string>& resource_tool_names();

}  // namespace isa::sdk::mcp
