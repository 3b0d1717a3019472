// One MCP server of an agent: connected when it is first needed, and again when it was lost.
#pragma once

#include "base/signal.h"
#include "base/task_group.h"
#include "sdk/mcp/client.h"
#include "sdk/mcp/server_spec.h"

#include <functional>
#include <memory>

namespace isa::sdk::mcp {

using Environment = std::map<std::string, std::string>;

// How a server is reached from where this runs.
using Connect = std::function<Result<std::unique_ptr<Transport>>(
    const std::string& name, const ServerSpec& spec, const Environment& environment)>;

struct ServerLimits {
  std::chrono::milliseconds start{60'000};  // Until it has said what it speaks, and listed its tools.
  // A start that failed after so long is not tried again for a while, doubled each time: every turn of the
  // agent would wait for it. What fails at once costs nothing to try.
  std::chrono::milliseconds slow_failure{5'000};
  std::chrono::milliseconds rest{60'000};
  ClientOptions client = {};  // `server` is filled in.
};

// Lives on one event loop. Await close() before it is destroyed.
class Server {
 public:
  Server(const asio::any_io_executor& executor, std::string name, ServerSpec spec, Environment environment,
         Connect connect, ServerLimits limits);

  const std::string& name() const { return name_; }
  // Whether it was made of these.
  bool is_made_of(const ServerSpec& spec, const Environment& environment) const {
    return spec == spec_ && environment == environment_;
  }

  // Begins to connect where that is needed; does not wait.
  void wake();
  // Connected, now. Errors: those of Client, each with what to do.
  Task<Result<std::shared_ptr<Client>>> client(Deadline deadline);
  // Its tools, asked for again when they may have changed; once for all who want them meanwhile.
  Task<Result<std::vector<ToolInfo>>> tools(Deadline deadline);
  Task<void> close();

 private:
  class Listing;
  Task<void> make_connection();
  Task<void> try_connection();
  Task<void> end(std::shared_ptr<Client> client);

  std::string name_;
  ServerSpec spec_;
  Environment environment_;
  Connect connect_;
  ServerLimits limits_;
  std::shared_ptr<Client> client_;
  std::optional<Error> error_;  // Of the last try.
  Deadline::Clock::time_point rests_until_{};
  int slow_failures_ = 0;  // In a row.
  bool is_connecting_ = false;
  bool is_closing_ = false;
  bool is_listing_ = false;
  bool is_listed_ = false;  // tools_ are those that client_ has listed.
  std::vector<ToolInfo> tools_;
  Signal changed_;
  TaskGroup tasks_;
};

}  // namespace isa::sdk::mcp
