#pragma once

#include "base/signal.h"
#include "base/task_group.h"
#include "net/stream.h"
#include "store/redis/reply.h"
#include "store/redis/settings.h"

#include <span>

namespace isa::store::redis {

// A Lua script. The server runs it as one atomic step.
struct Script {
  std::string_view name;
  std::string text;
};

// One connection to a Redis server that is always there or being made again. Commands are written as they
// come, without waiting for the answers of those before. docs/decisions/0007-shared-pools.md says why hiredis
// reads and writes the protocol but not the socket.
//
// While the server is away every call fails at once: service_unavailable, code store_unavailable, with the
// reason. A call whose answer was lost fails in the same way: nobody knows whether it was done.
//
// Lives on one event loop; stop() is awaited before it dies.
class Client {
 public:
  // `scripts` outlive the client; their place is their number. Connects once: the error says what is wrong
  // with the settings or the server.
  static Task<Result<std::unique_ptr<Client>>> open(Settings settings, std::span<const Script> scripts,
                                                    net::TlsConnector* tls);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  Task<void> stop();

  Task<Result<Reply>> call(Command command);
  // Runs a script by its number; `arguments` follow the one key, the prefix of all names.
  Task<Result<Reply>> run(std::size_t script, Command arguments);

  // Begins every key; in braces, so that a cluster keeps all of them together.
  const std::string& prefix() const { return prefix_; }
  // Why the server counts as away; empty while it does not.
  const std::string& trouble() const;

 private:
  class Link;

  Client(asio::any_io_executor executor, Settings settings, Target target, std::span<const Script> scripts,
         net::TlsConnector* tls);
  Task<Result<std::shared_ptr<Link>>> connect();
  Task<Result<void>> greet(std::shared_ptr<Link> link);
  Task<void> keep_connected();
  Error away() const;

  Settings settings_;
  Target target_;
  std::span<const Script> scripts_;
  net::TlsConnector* tls_;
  std::string prefix_;
  std::string trouble_;
  bool is_stopped_ = false;
  std::vector<std::string> digests_;  // Of the scripts, as the server named them.
  std::shared_ptr<Link> link_;        // Null while the server is away.
  TaskGroup tasks_;
};

}  // namespace isa::store::redis
