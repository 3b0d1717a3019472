// `isa run` and `isa approvals`: one shot of an agent from a manifest, and the answers that agents wait for.
#pragma once

#include "app/api_client.h"

#include <string>
#include <vector>

namespace isa::app {

struct RunCommand {
  std::string file;                    // YAML: the fields of an agent's config.
  std::optional<std::string> message;  // Else the manifest's `message`.
  bool json = false;                   // Print the events as they come instead of the text.
  bool keep = false;                   // Do not delete the agent afterwards.
};

struct DecideCommand {
  std::string request;   // The id of a question.
  std::string decision;  // approve | deny | edit
  std::optional<std::string> text;
  std::optional<std::string> args;  // JSON
  std::optional<std::string> always;
};

Task<Result<void>> run_manifest(ApiClient& api, RunCommand command);
Task<Result<void>> list_approvals(ApiClient& api, std::string state, bool as_json);
Task<Result<void>> decide_approval(ApiClient& api, DecideCommand command);

}  // namespace isa::app
