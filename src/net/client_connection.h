// One connection of the client, and the connections at rest. Internal to net/.
#pragma once

#include "net/client.h"
#include "net/stream.h"
#include "net/watchdog.h"

#include <boost/asio/steady_timer.hpp>

#include <map>

namespace isa::net {

// The other side, and what errors call it.
struct Peer {
  Endpoint at;
  std::string name;  // Empty: its address.

  std::string shown() const { return name.empty() ? at.to_string() : name; }
  // For the log: `why`, and the address that the message leaves out.
  std::string detail(std::string_view why) const {
    return name.empty() ? std::string(why) : fmt::format("{}: {}", at.to_string(), why);
  }
};

struct Connection {
  explicit Connection(std::unique_ptr<Stream> from)
      : stream(std::move(from)), watchdog(stream->executor(), [this] {
          is_expired = true;
          stream->close();
        }) {}

  // False at the end of the stream and when time is up.
  Task<bool> receive();
  Task<bool> send_all(BufferChain& chain);

  std::unique_ptr<Stream> stream;
  Input input;
  bool is_expired = false;
  bool has_ended = false;  // The peer said that no more comes: over TLS by close_notify, not by a cut.
  Watchdog watchdog;
};

// service_unavailable when the peer cannot be reached, timeout when that takes too long.
Task<Result<std::unique_ptr<Connection>>> connect_to(Peer to, TlsConnector* tls, Deadline deadline);

// Connections at rest, the last used first: the rest grow old and are closed.
class ConnectionPool : public std::enable_shared_from_this<ConnectionPool> {
 public:
  ConnectionPool(std::size_t per_endpoint, std::chrono::milliseconds idle_timeout)
      : per_endpoint_(per_endpoint), idle_timeout_(idle_timeout) {}

  // Null when none is usable.
  std::unique_ptr<Connection> take(const Endpoint& to);
  void give_back(const Endpoint& to, std::unique_ptr<Connection> connection);

 private:
  using Clock = Deadline::Clock;
  struct Idle {
    std::unique_ptr<Connection> connection;
    Clock::time_point since;
  };

  void sweep_later(asio::any_io_executor executor);
  void sweep();

  std::size_t per_endpoint_;
  std::chrono::milliseconds idle_timeout_;
  std::map<Endpoint, std::vector<Idle>> idle_;
  std::unique_ptr<asio::steady_timer> sweeper_;  // Set while something is idle.
};

}  // namespace isa::net
