// isa secrets authorize: somebody signs in at an MCP server, and what comes of it becomes a secret that is
// renewed.
#pragma once

#include "app/api_client.h"

#include <CLI/CLI.hpp>

namespace isa::app {

// `action` becomes what the parsed command line asks for.
void add_authorize(CLI::App& secrets, WithAgentService with_cloud_os, std::function<int()>& action);

}  // namespace isa::app
