// Makes the broker's socket reachable at an address that any HTTP client can use: 127.0.0.1:8082 in the
// sandbox.
#pragma once

#include "base/result.h"
#include "base/task_group.h"

#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <string>

namespace isa::runtime {

// Copies bytes both ways and knows nothing of what they mean. Lives on one event loop; stop() before
// destruction.
class Forwarder {
 public:
  Forwarder(const asio::any_io_executor& executor, std::string broker_path);

  // Returns the port, which the system chose when `port` is 0.
  Result<std::uint16_t> listen(std::uint16_t port);
  Task<void> stop();

 private:
  Task<void> accept();
  Task<void> forward(asio::ip::tcp::socket client);

  std::string broker_path_;
  asio::ip::tcp::acceptor acceptor_;
  TaskGroup tasks_;
};

}  // namespace isa::runtime
