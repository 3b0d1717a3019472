// How a thread that owns a file or a connection answers the coroutine that waits for it.
#pragma once

#include "base/async.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>

#include <functional>

namespace isa::store {

// Called once, from any thread.
template <class T>
using Completion = std::move_only_function<void(T)>;

// Suspends the caller and gives `start` a completion; whichever thread calls it, the caller resumes on its
// own event loop with the value. Not cancellable: what was started finishes.
template <class T>
Task<T> completed_elsewhere(std::move_only_function<void(Completion<T>)> start) {
  using Start = std::move_only_function<void(Completion<T>)>;
  return asio::async_initiate<const asio::use_awaitable_t<>, void(T)>(
      [](auto handler, Start begin) {
        auto home =
            asio::prefer(asio::get_associated_executor(handler), asio::execution::outstanding_work.tracked);
        begin([handler = std::move(handler), home = std::move(home)](T value) mutable {
          asio::dispatch(home, [handler = std::move(handler), value = std::move(value)]() mutable {
            std::move(handler)(std::move(value));
          });
        });
      },
      asio::use_awaitable, std::move(start));
}

}  // namespace isa::store
