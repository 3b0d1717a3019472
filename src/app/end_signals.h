// For a command that has something to clean up when it is told to end: Ctrl-C, SIGTERM, SIGHUP, or a pipe
// that nobody reads any more.
#pragma once

#include "base/async.h"
#include "base/result.h"

#include <boost/asio/signal_set.hpp>

#include <optional>

namespace isa::app {

// While this lives such a signal does not end the program.
class EndSignals {
 public:
  explicit EndSignals(asio::any_io_executor executor);

  // What `work` came to; nothing when a signal came first, or had come before: then `work` was cancelled and
  // has unwound, and the next signal ends the program.
  Task<std::optional<Result<void>>> unless_one_comes(Task<Result<void>> work);
  // Ends the program as the signal that came would have, so that a shell sees why.
  [[noreturn]] void end_program();

 private:
  asio::signal_set signals_;
  int came_ = 0;
};

}  // namespace isa::app
