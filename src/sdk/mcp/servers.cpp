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

std::shared_ptr<Server> Servers::use(Running& running) {
  if (auto used = running.use.lock()) return used;
  const auto server = running.server;
  std::shared_ptr<Server> used(server.get(), [server](Server*) {});
  running.use = used;
  return used;
}

std::vector<std::shared_ptr<Server>> Servers::take_over(const ServerSpecs& wanted,
                                                        const Environment& environment,
                                                        const std::vector<std::string>& allowed) {
  std::vector<std::shared_ptr<Server>> taken;
  for (const auto& [name, spec] : wanted) {
    if (!is_named(name, allowed)) continue;
    auto found = std::ranges::find_if(servers_, [&](const Running& one) {
      return one.server->name() == name && one.server->is_made_of(spec, environment);
    });
    if (found == servers_.end()) {
      auto made = std::make_shared<Server>(executor_, name, spec, environment, connect_, limits_);
      found = servers_.insert(found, Running{std::move(made), {}});
    }
    taken.push_back(use(*found));
  }
  const auto unused = std::ranges::partition(servers_, [](const Running& one) { return !one.use.expired(); });
  for (auto& one : unused) retire(std::move(one.server));
  servers_.erase(unused.begin(), unused.end());
  return taken;
}

Task<Equipment> Servers::equip(ServerSpecs wanted, Environment environment, std::vector<std::string> allowed,
                               Deadline deadline) {
  const auto servers = take_over(wanted, environment, allowed);
  for (const auto& server : servers) server->wake();
  Equipment equipment;
  ToolNames names;
  std::vector<std::shared_ptr<Server>> usable;
  deadline = deadline.tightened(2 * limits_.start);
  for (const auto& server : servers) {
    auto tools = co_await server->tools(deadline);
    if (!tools) {
      log::warn("mcp.unavailable", {{"server", server->name()}, {"message", tools.error().message()}});
      equipment.unavailable.push_back({server->name(), tools.error().message()});
      continue;
    }
    add_tools(server, *std::move(tools), names, equipment.tools);
    usable.push_back(server);
  }
  co_await add_resource_tools(std::move(usable), allowed, equipment.tools);
  co_return equipment;
}

Task<void> Servers::stop() {
  for (auto& one : servers_) retire(std::move(one.server));
  servers_.clear();
  co_await tasks_.join();
}

}  // namespace isa::sdk::mcp
