// The one spelling of coroutines in this codebase.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace isa {

namespace asio = boost::asio;

// A Task runs on the event loop that started it. Event loops are single-threaded, so code between two
// co_awaits needs no lock; what must not block the loop goes through offload() (base/offload.h).
template <class T = void>
using Task = asio::awaitable<T, asio::any_io_executor>;

inline constexpr auto use_task = asio::use_awaitable;
// I/O that fails as part of normal life returns its error_code instead of throwing:
//   auto [ec, n] = co_await stream.async_read_some(buffer, no_throw);
inline constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);

}  // namespace isa
