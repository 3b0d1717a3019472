// HTTP/1.1 client: keep-alive connections per endpoint, streaming in, TLS verified against the system's
// roots.
#pragma once

#include "net/endpoint.h"
#include "net/http.h"

#include <memory>

namespace isa::net {

struct ClientRequest {
  Method method = Method::get;
  std::string target = "/";
  Headers headers;  // Host, Content-Length and Connection are the client's own.
  std::string body;
  // What errors call the other side, e.g. "the pool manager (agent.pool_url)": whoever sees them may have no
  // business with its address, which is in the detail then. Empty: the address.
  std::string peer;
  // "https://api.example.com": the endpoint is a proxy, and the target is one there (the absolute form of RFC
  // 9112, section 3.2.2). Host names it then.
  std::string origin = {};
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
};

struct OpenResponse {
  int status = 0;
  Headers headers;
  std::unique_ptr<BodyStream> body;
};

struct ClientOptions {
  std::size_t idle_per_endpoint = 32;
  std::chrono::milliseconds idle_timeout{30'000};
  std::chrono::milliseconds connect_timeout{5'000};
  std::size_t body_max = 16 << 20;  // For send(); bytes.
};

// TLS is a part that a program may leave out (the runtime does): net/tls/ provides the connector.
class TlsConnector;

// Lives on one event loop. A request that fails on a reused connection before a byte of the answer arrived is
// sent once more on a fresh one; otherwise nothing is retried here.
// Errors: service_unavailable (cannot connect), upstream_error (broken answer), timeout. Any HTTP status is
// a success of send() and open().
class Client {
 public:
  explicit Client(ClientOptions options = {}, TlsConnector* tls = nullptr);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Task<Result<ClientResponse>> send(Endpoint to, ClientRequest request, Deadline deadline);
  // Returns when the head of the answer is there. `deadline` bounds the head; `silence` bounds every wait for
  // more of the body.
  Task<Result<OpenResponse>> open(Endpoint to, ClientRequest request, Deadline deadline,
                                  std::chrono::milliseconds silence = std::chrono::minutes(5));

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Reads a body to its end; payload_too_large past `max` bytes.
Task<Result<std::string>> read_all(BodyStream& body, std::size_t max);

}  // namespace isa::net
