// What the first process of a sandbox owes to the others: signals, orphans, the loopback interface.
#pragma once

#include "base/async.h"
#include "base/result.h"
#include "sdk/tools/process_table.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <memory>

namespace isa::runtime {

// To be called first of all, before there is a second thread. Afterwards no process of the sandbox can trace
// this one or read its memory, orphans come to it, signals wait for SignalWatch, and memory use stays small.
void become_first_process();

// The only interface of a sandbox without network. An error where it is down and this process may not change
// that.
Result<void> bring_up_loopback();

// Reaps orphans, and ends when this process is asked to stop (SIGTERM, SIGINT) by somebody outside of the
// sandbox.
class SignalWatch {
 public:
  SignalWatch(const asio::any_io_executor& executor, std::shared_ptr<sdk::ProcessTable> processes);
  Task<void> wait_for_stop();

 private:
  bool read_signals();  // True: stop.

  asio::posix::stream_descriptor signals_;
  std::shared_ptr<sdk::ProcessTable> processes_;
};

}  // namespace isa::runtime
