// isa skills: one's skills on the platform, and the folder that becomes one.
#pragma once

#include "app/api_client.h"

#include <CLI/CLI.hpp>

#include <functional>

namespace isa::app {

// `action` becomes what the parsed command line asks for.
void add_skills(CLI::App& app, WithAgentService with_service, std::function<int()>& action);

}  // namespace isa::app
