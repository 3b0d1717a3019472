// What changes in a folder, as inotify(7) tells it.
#pragma once

#include "base/async.h"
#include "base/result.h"
#include "net/http.h"
#include "sdk/files_protocol.h"
#include "sdk/tools/fd.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace isa::runtime {

// Lives on one event loop.
class Watch {
 public:
  // service_unavailable when the host has no watch left; payload_too_large for a tree of more than 4096
  // folders.
  static Result<std::unique_ptr<Watch>> open(const asio::any_io_executor& executor, sdk::Fd folder,
                                             bool recursive);
  Watch(const Watch&) = delete;

  // Until the reader leaves, or the folder is removed or moved.
  static Task<void> stream(std::shared_ptr<Watch> watch, net::BodyWriter& to);

 private:
  Watch(const asio::any_io_executor& executor, sdk::Fd inotify, bool recursive);

  Result<void> add(int folder, const std::string& name, std::vector<sdk::FileChange>* found);
  std::string take(const char* bytes, std::size_t size);
  void describe(std::uint32_t mask, const std::string& path, std::vector<sdk::FileChange>& to);

  asio::posix::stream_descriptor inotify_;
  std::string root_;  // Its path. A descriptor that is open would keep the kernel from telling of its end.
  bool recursive_;
  bool is_over_ = false;
  std::map<int, std::string> folders_;  // By watch: the name below root_, empty for root_ itself.
};

}  // namespace isa::runtime
