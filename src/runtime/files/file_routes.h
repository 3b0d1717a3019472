// The routes of the sandbox's files (sdk/files_protocol.h).
#pragma once

#include "base/offload.h"
#include "net/router.h"
#include "runtime/files/files.h"

#include <optional>

namespace isa::runtime {

// Lives on one event loop, and longer than what it serves.
class FileRoutes {
 public:
  explicit FileRoutes(std::string workspace) : files_(std::move(workspace)) {}

  void add_routes(net::Router& to);

 private:
  using Answer = Task<Result<net::Response>>;

  Answer get(net::Request& request);
  Answer put(net::Request& request);
  Answer post(net::Request& request);
  Answer remove(net::Request& request);
  Answer read(const net::Request& request, std::string path);
  Answer list(const net::Request& request, std::string path);
  Answer watch(const net::Request& request, std::string path);
  Answer describe(std::string path, int status);

  // Made by the first request: an idle sandbox has no thread to spare.
  asio::thread_pool& worker() {
    if (!worker_) worker_.emplace(1);
    return *worker_;
  }

  Files files_;
  std::optional<asio::thread_pool> worker_;
};

}  // namespace isa::runtime
