// isa secrets: what the brokers of one's sandboxes add to requests.
#pragma once

#include "app/api_client.h"

#include <optional>
#include <string>
#include <vector>

namespace isa::app {

struct SetSecretCommand {
  std::string name;
  std::vector<std::string> hosts;
  std::optional<std::string> header;
  std::optional<std::string> env;
  std::vector<std::string> methods;
  std::optional<std::string> path_prefix;
  std::optional<std::string> org;
};

// The value from standard input, up to its first line end; from a terminal it is asked for and not shown.
// Never an argument: those are seen by everybody who can list processes.
Result<std::string> read_secret_value();

// Of one secret, or of all when `name` is empty.
std::string secret_path(const std::string& name, const std::optional<std::string>& org);

Task<Result<void>> set_secret(ApiClient& api, SetSecretCommand command, std::string value);
Task<Result<void>> list_secrets(ApiClient& api, std::optional<std::string> org, bool as_json);
Task<Result<void>> remove_secret(ApiClient& api, std::string name, std::optional<std::string> org);

}  // namespace isa::app
