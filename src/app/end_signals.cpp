#include "app/end_signals.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace isa::app {
namespace {

constexpr int kEndsBySignal = 128;  // What a shell adds to the number of the signal.

// An exception on one side of || would wait for the other side.
Task<void> capture(Task<Result<void>> work, std::optional<Result<void>>& result,
                   std::exception_ptr& failure) {
  try {
    result.emplace(co_await std::move(work));
  } catch (...) {
    failure = std::current_exception();
  }
}

Task<int> next_of(asio::signal_set& signals) {
  const auto [ec, signal] = co_await signals.async_wait(no_throw);
  co_return ec ? 0 : signal;
}

}  // namespace

EndSignals::EndSignals(asio::any_io_executor executor)
    : signals_(std::move(executor), SIGINT, SIGTERM, SIGHUP) {
  signals_.add(SIGPIPE);
}

Task<std::optional<Result<void>>> EndSignals::unless_one_comes(Task<Result<void>> work) {
  using namespace asio::experimental::awaitable_operators;
  std::optional<Result<void>> result;
  std::exception_ptr failure;
  const auto first = co_await (capture(std::move(work), result, failure) || next_of(signals_));
  if (first.index() == 1) {
    came_ = std::get<1>(first);
    signals_.clear();
    co_return std::nullopt;
  }
  if (failure) std::rethrow_exception(failure);
  co_return result;
}

void EndSignals::end_program() {
  signals_.clear();
  std::fflush(stdout);
  std::signal(came_, SIG_DFL);
  std::raise(came_);
  std::_Exit(kEndsBySignal + came_);
}

}  // namespace isa::app
