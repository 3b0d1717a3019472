// isa sessions: conversations, looked at and carried away.
#pragma once

#include "app/api_client.h"

#include <optional>
#include <string>

namespace isa::app {

struct ForkCommand {
  std::string session;
  std::optional<std::string> after_event;  // "<run>:<seq>"
  std::optional<std::string> run;
  std::optional<std::string> title;
};

Task<Result<void>> list_sessions(ApiClient& api, bool as_json);
Task<Result<void>> show_session(ApiClient& api, std::string session);
// `file`: "-" is stdout. The file is there only once it is whole.
Task<Result<void>> export_session(ApiClient& api, std::string session, std::string file);
Task<Result<void>> fork_session(ApiClient& api, ForkCommand command);
Task<Result<void>> delete_session(ApiClient& api, std::string session);

}  // namespace isa::app
