#include "sdk/tool_batch.h"

#include "base/task_group.h"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <deque>
#include <utility>

namespace isa::sdk {
namespace {

class Batch {
 public:
  Batch(ToolBox& tools, Deadline deadline, asio::any_io_executor executor)
      : tools_(tools),
        deadline_(deadline),
        changed_(executor, asio::steady_timer::time_point::max()),
        running_(executor) {}

  void start(std::size_t position, const Part& call) { running_.spawn("tool", run(position, call)); }
  Task<void> stop() { return running_.stop(); }

  // Hands over `count` results as they come.
  Task<Result<void>> deliver(std::size_t count, const ToolRunSink& sink) {
    for (std::size_t i = 0; i < count; ++i) {
      while (done_.empty()) co_await changed_.async_wait(no_throw);
      auto [position, run] = std::move(done_.front());
      done_.pop_front();
      ISA_CO_TRYV(co_await sink(position, std::move(run)));
    }
    co_return ok();
  }

 private:
  Task<void> run(std::size_t position, const Part& call) {
    ToolRun result{{.text = "[interrupted]", .is_error = true}};
    try {
      result = co_await run_tool(tools_, call, deadline_);
    } catch (const boost::system::system_error&) {
      // Cancelled. Whoever waits for the result must get one whatever the reason was.
    }
    done_.emplace_back(position, std::move(result));
    changed_.cancel();
  }

  ToolBox& tools_;
  Deadline deadline_;
  std::deque<std::pair<std::size_t, ToolRun>> done_;
  asio::steady_timer changed_;  // Cancelled, i.e. signalled, when done_ has grown.
  TaskGroup running_;
};

}  // namespace

Task<ToolRun> run_tool(ToolBox& tools, const Part& call, Deadline deadline) {
  const auto begin = Deadline::Clock::now();
  ToolRun run;
  run.output = co_await tools.call(call, deadline);
  run.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::Clock::now() - begin);
  co_return run;
}

Task<Result<void>> run_tools_together(ToolBox& tools, std::span<const Part> calls, Deadline deadline,
                                      ToolRunSink sink) {
  Batch batch(tools, deadline, co_await asio::this_coro::executor);
  for (std::size_t i = 0; i < calls.size(); ++i) batch.start(i, calls[i]);
  Result<void> result = ok();
  std::exception_ptr failure;
  try {
    result = co_await batch.deliver(calls.size(), sink);
  } catch (...) {
    failure = std::current_exception();
  }
  // Once this is cancelled, which may have been without a throw so far, every co_await throws; but the tasks
  // of the batch must have ended before it goes away.
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await batch.stop();
  co_await asio::this_coro::throw_if_cancelled(true);
  if (failure) std::rethrow_exception(failure);
  co_return result;
}

}  // namespace isa::sdk
