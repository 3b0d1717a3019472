// Where the MCP servers of a sandbox are: programs run in its workspace, addresses are reached through the
// broker, which looks at the allow-list, speaks TLS and adds what secrets there are
// (docs/decisions/0013-mcp.md).
#pragma once

#include "net/client.h"
#include "sdk/event.h"
#include "sdk/mcp/servers.h"
#include "sdk/tools/process_table.h"

#include <string>

namespace isa::runtime {

// `client` outlives what the connection makes.
sdk::mcp::Connect connect_from_sandbox(asio::any_io_executor executor, net::Client& client,
                                       std::string broker, std::string workspace,
                                       std::shared_ptr<sdk::ProcessTable> processes);

// system {event: mcp.unavailable, server}
sdk::Event mcp_unavailable(const sdk::mcp::Unavailable& what);

}  // namespace isa::runtime
