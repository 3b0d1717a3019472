#include "sdk/mcp/servers.h"

#include "base/log.h"
#include "sdk/mcp/server_tool.h"
#include "sdk/mcp/tool_name.h"

#include <boost/asio/cancellation_state.hpp>

#include <algorithm>

namespace isa::sdk::mcp {
namespace {

bool is_named(const std::string& server, const std::vector<std::string>& allowed) {
  const auto begin = "mcp:" + server + "/";
  return std::ranges::any_of(allowed, [&](const std::string& name) {
    return name.starts_with(begin) || std::ranges::count(resource_tool_names(), name) > 0;
  });
}

// Held by the task, so that the server is gone only after it.
Task<void> close(std::shared_ptr<Server> server) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await server->close();
}

void add_tools(const std::shared_ptr<Server>& server, std::vector<ToolInfo> infos, ToolNames& names,
               std::vector<std::shared_ptr<Tool>>& to) {
  for (auto& info : infos) {
    const ToolRef ref{server->name(), info.name};
    const auto name = names.add(ref);
    if (!name) {
      log::warn("mcp.tool_name_taken", {{"server", ref.server}, {"tool", ref.tool}});
      continue;
    }
    to.push_back(make_server_tool(server, std::move(info), *name));
  }
}

}  // namespace

Servers::Servers(asio::any_io_executor executor, Connect connect, ServerLimits limits)
    : executor_(executor), connect_(std::move(connect)), limits_(std::move(limits)), tasks_(executor) {}

void Servers::retire(std::shared_ptr<Server> server) {
  tasks_.spawn("mcp close", close(std::move(server)));
}

void Servers::take_over(const ServerSpecs& wanted, const Environment& environment,
                        const std::vector<std::string>& allowed) {
  const auto is_wanted = [&](const std::string& name) {
    return wanted.contains(name) && is_named(name, allowed);
  };
  for (auto at = servers_.begin(); at != servers_.end();) {
    const auto spec = wanted.find(at->first);
    if (is_wanted(at->first) && at->second->is_made_of(spec->second, environment)) {
      ++at;
    } else {
      retire(std::move(at->second));
      at = servers_.erase(at);
    }
  }
  for (const auto& [name, spec] : wanted)
    if (is_wanted(name) && !servers_.contains(name))
      servers_.emplace(name, std::make_shared<Server>(executor_, name, spec, environment, connect_, limits_));
}

Task<Equipment> Servers::equip(ServerSpecs wanted, Environment environment,
                               std::vector<std::string> allowed) {
  take_over(wanted, environment, allowed);
  for (const auto& [name, server] : servers_) server->wake();
  Equipment equipment;
  ToolNames names;
  std::vector<std::shared_ptr<Server>> usable;
  // A copy: whoever stops while this waits changes the map.
  const auto servers = servers_;
  const auto deadline = Deadline::after(2 * limits_.start);
  for (const auto& [name, server] : servers) {
    auto tools = co_await server->tools(deadline);
    if (!tools) {
      log::warn("mcp.unavailable", {{"server", name}, {"message", tools.error().message()}});
      equipment.unavailable.push_back({name, tools.error().message()});
      continue;
    }
    add_tools(server, *std::move(tools), names, equipment.tools);
    usable.push_back(server);
  }
  co_await add_resource_tools(std::move(usable), allowed, equipment.tools);
  co_return equipment;
}

Task<void> Servers::stop() {
  for (auto& [name, server] : servers_) retire(std::move(server));
  servers_.clear();
  co_await tasks_.join();
}

}  // namespace isa::sdk::mcp
