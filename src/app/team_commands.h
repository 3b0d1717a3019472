// The commands for teams of agents.
#pragma once

#include "app/api_client.h"

#include <string>

namespace isa::app {

struct RunTeamCommand {
  std::string team;  // Id or name of a kept team, or a manifest (*.yaml, *.json).
  std::string prompt;
  std::optional<std::string> session;
  std::optional<std::string> env;  // Of members that the team defines itself.
  bool json = false;               // Print the events as they come instead of the answer.
  std::string* run = nullptr;      // Gets the id of the run once that has begun.
};

// A manifest is what POST /api/v1/agents/multi-specs takes, or a routing_spec with a name beside its agents;
// and perhaps `env`, with which it is run.
// Each prints its result to stdout and returns; what went wrong is the error.
Task<Result<void>> list_teams(ApiClient& api, bool as_json);
Task<Result<void>> show_team(ApiClient& api, std::string team);
Task<Result<void>> create_team(ApiClient& api, std::string manifest);
Task<Result<void>> delete_team(ApiClient& api, std::string team);
Task<Result<void>> run_team(ApiClient& api, RunTeamCommand command);

}  // namespace isa::app
