// isa skills: one's skills on the platform, and the folder that becomes one.
#pragma once

#include "app/api_client.h"

#include <CLI/CLI.hpp>

#include <functional>

namespace isa::app {

// Runs one conversation with the agent service to its end; the exit code of the program.
using WithAgentService = std::function<int(std::function<Task<Result<void>>(ApiClient&)>)>;

// `action` becomes what the parsed command line asks for.
void add_skills(CLI::App& app, WithAgentService with_service, std::function<int()>& action);

}  // namespace isa::app
