// Blocking work (files, SQLite, child processes) goes to a named worker thread and comes back.
#pragma once

#include "base/async.h"
#include "base/result.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/thread_pool.hpp>

namespace isa {

// Runs a blocking call that returns Result<T> on `pool` and resumes the awaiting coroutine on its own loop.
// An exception out of `work` becomes an internal error. Cancellation does not interrupt `work`: it must be
// bounded by itself.
template <class T, class Work>
Task<Result<T>> offload(asio::thread_pool& pool, Work work) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result<T>)>(
      [&pool](auto handler, Work call) {
        auto home =
            asio::prefer(asio::get_associated_executor(handler), asio::execution::outstanding_work.tracked);
        asio::post(
            pool, [handler = std::move(handler), home = std::move(home), call = std::move(call)]() mutable {
              auto result = [&]() -> Result<T> {
                try {
                  return call();
                } catch (const std::exception& e) {
                  return internal_error("a background operation failed").with_detail(e.what());
                }
              }();
              asio::dispatch(home, [handler = std::move(handler), result = std::move(result)]() mutable {
                std::move(handler)(std::move(result));
              });
            });
      },
      asio::use_awaitable, std::move(work));
}

}  // namespace isa
