// How a container gets its listening socket, which the engine cannot let it inherit.
//
// The socket's file stays outside of every mount, so that nobody inside can put another one in its place; the
// listener itself travels once over a socket in the folder that the sandbox sees read-only, to the
// container's first process and to nobody else, and that socket is gone before anything hostile runs.
#pragma once

#include "base/deadline.h"
#include "cloud_os/descriptor.h"
#include "cloud_os/process.h"

namespace isa::cloud_os::docker {

class ListenerHandover {
 public:
  // Listens at `at`, which any user may connect to who can reach it.
  static Result<ListenerHandover> open(std::filesystem::path at);
  ListenerHandover(ListenerHandover&&) = default;
  ListenerHandover& operator=(ListenerHandover&&) = delete;
  ~ListenerHandover();

  // Waits until `to` asks and gives it the listener. conflict when it ended before, timeout when it does not
  // ask.
  Result<void> give(Descriptor listener, const ProcessId& to, Deadline deadline);

 private:
  ListenerHandover(std::filesystem::path at, Descriptor door) : at_(std::move(at)), door_(std::move(door)) {}
  std::filesystem::path at_;
  Descriptor door_;
};

}  // namespace isa::cloud_os::docker
