// `isa run` and `isa approvals`: one shot of an agent from a manifest, and the answers that agents wait for.
#pragma once

#include "app/api_client.h"

#include <CLI/CLI.hpp>

namespace isa::app {

// `action` becomes what the parsed command line asks for.
void add_run(CLI::App& app, WithAgentService with_service, std::function<int()>& action);
void add_approvals(CLI::App& app, WithAgentService with_service, std::function<int()>& action);

}  // namespace isa::app
