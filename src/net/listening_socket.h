// A socket that listens and that nobody serves yet: what connects to it waits. So a program learns at once
// that an address is taken, before it begins what would have to be undone.
#pragma once

#include "net/endpoint.h"

namespace isa::net {

class ListeningSocket {
 public:
  // The error of a port in use names the port and says how to choose another. A stale Unix socket file
  // (nobody listens) is replaced; a live one is an error.
  static Result<ListeningSocket> open(Endpoint at);

  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  // Closes the socket, and removes its file, unless somebody took it over.
  ~ListeningSocket();

  // With the real port where 0 was asked for.
  const Endpoint& endpoint() const { return endpoint_; }
  // The descriptor is the caller's then, and a Unix socket's file too.
  int release();

 private:
  ListeningSocket(int fd, Endpoint endpoint) : fd_(fd), endpoint_(std::move(endpoint)) {}

  int fd_;
  Endpoint endpoint_;
};

}  // namespace isa::net
