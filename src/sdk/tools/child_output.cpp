#include "sdk/tools/child_output.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>

#include <array>

#include <unistd.h>

namespace isa::sdk {
namespace {

using Sink = std::function<void(std::string_view)>;

constexpr std::size_t kPipeMax = 1 << 20;  // Bytes; what a pipe holds at most (pipe(7), pipe-max-size).

// Ends with the stream, or when it is cancelled; what was read is handed on either way.
Task<void> pump(asio::posix::stream_descriptor& from, const Sink& to,
                const std::function<Task<void>()>& room) {
  std::array<char, 4096> chunk;
  try {
    for (;;) {
      if (room) co_await room();
      const auto buffer = asio::buffer(chunk);
      auto [failed, size] = co_await from.async_read_some(buffer, no_throw);
      if (failed) co_return;
      to({chunk.data(), size});
    }
  } catch (const boost::system::system_error&) {
    // Cancelled: on both sides of `&&` and `||` that must end quietly.
  }
}

Task<void> pump_both(Child& child, const OutputSinks& to) {
  using namespace asio::experimental::awaitable_operators;
  co_await (pump(child.out(), to.out, to.room) && pump(child.err(), to.err, to.room));
  // A command may close its output and run on: whether it has ended is for the other side to say.
  asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
  co_await never.async_wait(no_throw);
}

Task<void> await_end(Child& child, std::optional<ChildEnd>& end) {
  try {
    end = co_await child.wait();
  } catch (const boost::system::system_error&) {
    // Cancelled: there is no end.
  }
}

void drain_stream(asio::posix::stream_descriptor& from, const Sink& to) {
  if (!from.is_open()) return;
  std::array<char, 4096> chunk;
  // Whoever left the group may write faster than this reads: what comes later is not the child's any more.
  for (std::size_t taken = 0; taken < kPipeMax;) {
    const auto size = ::read(from.native_handle(), chunk.data(), chunk.size());
    if (size <= 0) return;
    to({chunk.data(), static_cast<std::size_t>(size)});
    taken += static_cast<std::size_t>(size);
  }
}

}  // namespace

Task<void> run_to_end(Child& child, const OutputSinks& sinks, std::optional<ChildEnd>& end) {
  using namespace asio::experimental::awaitable_operators;
  co_await (await_end(child, end) || pump_both(child, sinks));
}

void drain(Child& child, const OutputSinks& sinks) {
  drain_stream(child.out(), sinks.out);
  drain_stream(child.err(), sinks.err);
}

}  // namespace isa::sdk
