// An MCP server that is a child process: one message on one line, both ways.
#pragma once

#include "sdk/mcp/transport.h"
#include "sdk/tools/process_table.h"

#include <map>
#include <string>
#include <vector>

namespace isa::sdk::mcp {

struct StdioServer {
  std::string name;  // For errors.
  std::string command;
  std::vector<std::string> args;
  std::map<std::string, std::string> env;  // The whole environment; PATH is where `command` is looked up.
  std::string folder;                      // Its working directory.
  // How long it may take to end after its input was closed, and then after SIGTERM.
  std::chrono::milliseconds patience{2'000};
};

// not_found when there is no such program, and the errors of Child::spawn. The child dies with the transport.
Result<std::unique_ptr<Transport>> start_stdio(const asio::any_io_executor& executor,
                                               std::shared_ptr<ProcessTable> processes, StdioServer server);

}  // namespace isa::sdk::mcp
