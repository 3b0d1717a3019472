// HTTP/1.1 server of one role: every listener and connection lives on the event loop that start() is called
// on.
#pragma once

#include "base/task_group.h"
#include "net/listening_socket.h"
#include "net/router.h"

#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

namespace isa::net {

struct ServerLimits {
  std::size_t header_max = 16 << 10;  // Bytes of request line and headers; more gets 431.
  std::size_t connections_max = 10'000;
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds idle_timeout{75'000};
  std::chrono::milliseconds write_timeout{30'000};  // A reader that takes nothing for so long is dropped.
  std::chrono::milliseconds drain_timeout{30'000};  // Of stop().
  // Bytes of request bodies that all connections together may hold; more gets 503. By default only each
  // route's own limit counts.
  std::size_t bodies_max = std::numeric_limits<std::size_t>::max();
};

struct TlsFiles {
  std::string certificate;  // PEM chain
  std::string key;          // PEM
};

// Turns a request's credentials into an identity; `unauthorized` when there are none or they are wrong. Runs
// after routing and before the body is read; not called for public routes.
using Guard = std::function<Task<Result<Identity>>(const Request&)>;

// Has a connection for itself after a successful CONNECT; what the peer has sent meanwhile lies in the Input.
// The connection is closed when it returns.
class Stream;  // net/stream.h
class Input;
using Takeover = std::function<Task<void>(Stream&, Input&)>;

// Answers what is asked as of a proxy (RFC 9112, section 3.2). The same options hold for both.
struct ProxyRoute {
  Route forward;  // A target that is no path; the method and the pattern do not matter for the choice.
  std::function<Task<Result<Takeover>>(Request&)> connect;  // CONNECT; request.method says nothing.
};

struct RequestSummary {
  const Request& request;
  std::string_view route;  // The pattern, for metrics: bounded in number.
  int status;
  std::chrono::microseconds duration;
};

struct ServerOptions {
  std::string name;  // Of the role; in logs and in the Server header.
  ServerLimits limits;
  Guard guard;
  // Refuses a foreign Host or Origin (421/403): set while every listener is on loopback (DNS rebinding).
  bool loopback_hosts_only = false;
  std::function<void(const RequestSummary&)> observer;  // For metrics and access logs.
  std::optional<ProxyRoute> proxy;                      // Without it, what is asked as of a proxy is refused.
};

// Accepts TLS connections for the server; net/tls/ provides it. A program without TLS passes none.
class TlsAcceptor;

class Server {
 public:
  Server(asio::any_io_executor executor, Router router, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Opens a socket (see there) and serves it. Returns the bound endpoint (port 0 -> the real port).
  Result<Endpoint> listen(const Endpoint& at, TlsAcceptor* tls = nullptr);
  Result<Endpoint> listen(ListeningSocket socket, TlsAcceptor* tls = nullptr);
  // Takes over a listening Unix socket, e.g. one that was inherited from the parent process.
  Result<void> listen_fd(int fd);

  // Stops accepting, waits for running requests up to drain_timeout, then cancels them. Idempotent.
  Task<void> stop();
  std::size_t connections() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace isa::net
