#include "runtime/mcp_place.h"

#include "sdk/mcp/http_transport.h"
#include "sdk/mcp/stdio_transport.h"

namespace isa::runtime {
namespace {

using sdk::mcp::Transport;

Result<std::unique_ptr<Transport>> start_program(const asio::any_io_executor& executor, std::string workspace,
                                                 std::shared_ptr<sdk::ProcessTable> processes,
                                                 const std::string& name, const sdk::mcp::ServerSpec& spec,
                                                 const sdk::mcp::Environment& environment) {
  sdk::mcp::StdioServer server;
  server.name = name;
  server.command = *spec.command;
  server.args = spec.args.value_or(std::vector<std::string>());
  server.env = environment;
  for (const auto& [variable, value] : spec.env.value_or(std::map<std::string, std::string>()))
    server.env[variable] = value;
  server.folder = std::move(workspace);
  auto started = sdk::mcp::start_stdio(executor, std::move(processes), std::move(server));
  if (started) return started;
  return make_error(started.error().kind(), "the MCP server '{}' cannot be started: {}", name,
                    started.error().message());
}

Result<std::unique_ptr<Transport>> reach(const asio::any_io_executor& executor, net::Client& client,
                                         const std::string& broker, const std::string& name,
                                         const sdk::mcp::ServerSpec& spec) {
  ISA_TRY(auto url, sdk::mcp::parse_server_url(*spec.url));
  sdk::mcp::HttpServer server;
  server.name = name;
  server.to = net::Endpoint::unix_socket(broker);
  server.origin = url.origin();
  server.target = std::move(url.target);
  server.secret = spec.headers_secret.value_or("");
  return sdk::mcp::make_http_transport(executor, client, std::move(server));
}

}  // namespace

sdk::mcp::Connect connect_from_sandbox(asio::any_io_executor executor, net::Client& client,
                                       std::string broker, std::string workspace,
                                       std::shared_ptr<sdk::ProcessTable> processes) {
  return [executor = std::move(executor), &client, broker = std::move(broker),
          workspace = std::move(workspace), processes = std::move(processes)](
             const std::string& name, const sdk::mcp::ServerSpec& spec,
             const sdk::mcp::Environment& environment) -> Result<std::unique_ptr<Transport>> {
    // What a config may hold was checked when it was saved; a request may come from elsewhere.
    ISA_TRYV(sdk::mcp::check_server("/mcp_servers/" + name, spec));
    if (spec.command) return start_program(executor, workspace, processes, name, spec, environment);
    return reach(executor, client, broker, name, spec);
  };
}

sdk::Event mcp_unavailable(const sdk::mcp::Unavailable& what) {
  sdk::Event event{sdk::EventType::system, "", {}};
  event.content =
      fmt::format("The MCP server '{}' cannot be used in this turn: {}", what.server, what.message);
  event.metadata["event"] = "mcp.unavailable";
  event.metadata["server"] = what.server;
  return event;
}

}  // namespace isa::runtime
