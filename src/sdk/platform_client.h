// An agent of an isA platform, asked from another program over HTTP; tools of that program may be offered to
// it.
#pragma once

#include "base/task_group.h"
#include "net/client.h"
#include "sdk/event_stream.h"
#include "sdk/tool.h"

#include <functional>
#include <map>
#include <memory>

namespace isa::sdk {

struct PlatformOptions {
  net::Url url;               // The agent service, such as http://127.0.0.1:8080.
  net::Headers headers = {};  // Who asks: Authorization, or X-User-Id on a platform that trusts it.
};

struct PlatformChat {
  std::string message;
  std::optional<std::string> agent_config_id = {};
  std::optional<std::string> session_id = {};  // Goes on with that conversation; the first event names it.
  std::optional<std::string> model = {};
  std::optional<std::string> env = {};
  // Run here when the agent calls them: the platform asks for each call by an event hil_request of kind
  // `tool`, and gets its result from this client. They need not be in the agent's config.
  std::vector<std::shared_ptr<Tool>> tools = {};
};

// Lives on the event loop of its executor.
class PlatformClient {
 public:
  PlatformClient(asio::any_io_executor executor, PlatformOptions options, net::TlsConnector* tls = nullptr);
  ~PlatformClient();  // Only after stop().

  // The events of the run. A connection that breaks is opened again where it broke: the run belongs to the
  // platform and goes on meanwhile, also over a restart of it. Dropping the stream leaves the run alone, too.
  EventStream chat(PlatformChat chat);
  // Decides on a question (hil_request) that this program, or a person before it, has an answer to.
  // `body`: {"decision": "approve" | "deny" | "edit", "args"?, "text"?, "always"?}.
  Task<Result<void>> decide(std::string run_id, std::string request_id, json::object body);
  Task<void> stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace isa::sdk
