// The commands that talk to a running platform.
#pragma once

#include "app/api_client.h"

#include <map>
#include <string>
#include <vector>

namespace isa::app {

struct ChatCommand {
  std::string agent;  // Id or name.
  std::string message;
  std::optional<std::string> session;
  bool json = false;           // Print the events as they come instead of the text.
  bool ends_with_us = false;   // The run ends when this command does.
  std::string* run = nullptr;  // Gets the id of the run once that has begun.
};

struct CreateCommand {
  std::string name;
  std::map<std::string, std::string> fields;  // model_id, system_prompt, env, template_id, mode, description
  std::vector<std::string> tools;
};

// Each prints its result to stdout and returns; what went wrong is the error.
Task<Result<void>> chat(ApiClient& api, ChatCommand command);
Task<Result<void>> list_agents(ApiClient& api, bool as_json);
Task<Result<void>> create_agent(ApiClient& api, CreateCommand command);
Task<Result<void>> show_agent(ApiClient& api, std::string agent);
Task<Result<void>> delete_agent(ApiClient& api, std::string agent);
Task<Result<void>> show_pool_stats(ApiClient& pool, std::string pool_type);

}  // namespace isa::app
