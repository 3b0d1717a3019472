// HTTP/1.1 server of one role: every listener and connection lives on the event loop that start() is called
// on.
#pragma once

#include "base/task_group.h"
#include "net/listening_socket.h"
#include "net/router.h"

#include <atomic>
#include <functional>
#include <memory>
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
};

struct TlsFiles {
  std::string certificate;  // PEM chain
  std::string key;          // PEM
};

// Turns a request's credentials into an identity; `unauthorized` when there are none or they are wrong. Runs
// after routing and before the body is read; not called for public routes.
using Guard = std::function<Task<Result<Identity>>(const Request&)>;

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
