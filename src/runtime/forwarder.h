// Makes the broker's socket reachable at addresses that any HTTP client can use: in the sandbox
// 127.0.0.1:8082 for models, and 127.0.0.1:3128 as a proxy to the outside.
#pragma once

#include "base/result.h"
#include "base/task_group.h"

#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <list>
#include <string>

namespace isa::runtime {

// Of 127.0.0.1. Everybody outside of a sandbox names its ports by these defaults.
struct ForwarderPorts {
  std::uint16_t model = 8082;
  std::uint16_t proxy = 3128;
};

// Copies bytes both ways and knows nothing of what they mean. Lives on one event loop; stop() before
// destruction.
class Forwarder {
 public:
  Forwarder(const asio::any_io_executor& executor, std::string broker_path);

  // Once for each address. Returns the port, which the system chose when `port` is 0.
  Result<std::uint16_t> listen(std::uint16_t port);
  Task<void> stop();

 private:
  Task<void> accept(asio::ip::tcp::acceptor& acceptor);
  Task<void> forward(asio::ip::tcp::socket client);

  std::string broker_path_;
  std::list<asio::ip::tcp::acceptor> acceptors_;
  TaskGroup tasks_;
};

}  // namespace isa::runtime
