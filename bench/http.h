// Blocking one-connection HTTP for the measured calls: no event loop between the clock and the socket.
#pragma once

#include "net/endpoint.h"

#include <optional>
#include <string>

namespace isa::bench {

struct Answer {
  int status = 0;
  std::string body;
};

// A keep-alive connection. Anything unexpected stops the program with a message: there is nothing to measure
// then.
class Connection {
 public:
  explicit Connection(const net::Endpoint& to);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Reads until `text` has come; the rest of the answer is left, and the connection of no more use.
  void stream_until(const std::string& method, const std::string& target, const std::string& body,
                    const std::string& text);

  Answer call(const std::string& method, const std::string& target, const std::string& body = "");

 private:
  void send(const std::string& method, const std::string& target, const std::string& body);
  std::string read_line();
  std::string read_bytes(std::size_t count);
  void fill();

  int fd_ = -1;
  std::string buffer_;
};

// Connects a stream socket; nothing when nobody listens.
std::optional<int> connect_to(const net::Endpoint& to);
[[noreturn]] void die(const std::string& message);

}  // namespace isa::bench
