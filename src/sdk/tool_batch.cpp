#include "sdk/tool_batch.h"

#include "base/task_group.h"
#include "sdk/progress_meter.h"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

namespace isa::sdk {
namespace {

Task<ToolRun> run_tool(ToolBox& tools, const Part& call, ToolContext context) {
  const auto begin = Deadline::Clock::now();
  ToolRun run;
  run.output = co_await tools.call(call, std::move(context));
  run.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::Clock::now() - begin);
  co_return run;
}

class Batch {
 public:
  Batch(ToolBox& tools, Deadline deadline, asio::any_io_executor executor, bool is_watched)
      : tools_(tools),
        deadline_(deadline),
        is_watched_(is_watched),
        changed_(executor, asio::steady_timer::time_point::max()),
        running_(executor) {}

  void start(std::span<const Part> calls) {
    meters_.assign(calls.size(), ProgressMeter(Deadline::Clock::now()));
    for (std::size_t i = 0; i < calls.size(); ++i) running_.spawn("tool", run(i, calls[i]));
  }
  Task<void> stop() { return running_.stop(); }

  // Hands over everything as it comes, until every call has ended.
  Task<Result<void>> deliver(const ToolBatchSinks& sinks) {
    for (std::size_t ended = 0; ended < meters_.size();) {
      const auto next = std::ranges::min_element(meters_, {}, &ProgressMeter::due);
      if (!done_.empty()) {
        auto [position, run] = std::move(done_.front());
        done_.pop_front();
        ++ended;
        ISA_CO_TRYV(co_await sinks.done(position, std::move(run)));
      } else if (const auto now = Deadline::Clock::now(); next->due() <= now) {
        const auto position = static_cast<std::size_t>(next - meters_.begin());
        auto news = next->take(now);
        // Nothing: half a character, so far.
        if (!news.text.empty() || news.percent)
          ISA_CO_TRYV(co_await sinks.progress(position, std::move(news)));
      } else {
        changed_.expires_at(next->due());
        co_await changed_.async_wait(no_throw);
      }
    }
    co_return ok();
  }

 private:
  Task<void> run(std::size_t position, const Part& call) {
    ToolRun result{{.text = "[interrupted]", .is_error = true}};
    try {
      ToolContext context(deadline_);
      if (is_watched_)
        context.progress = [this, position](const ToolProgress& news) { hear(position, news); };
      result = co_await run_tool(tools_, call, std::move(context));
    } catch (const boost::system::system_error&) {
      // Cancelled. Whoever waits for the result must get one whatever the reason was.
    }
    meters_[position] = ProgressMeter(Deadline::Clock::now());  // Its result says it all.
    done_.emplace_back(position, std::move(result));
    changed_.cancel();
  }

  void hear(std::size_t position, const ToolProgress& news) {
    const bool is_known = meters_[position].has_news();
    meters_[position].add(news);
    if (!is_known) changed_.cancel();
  }

  ToolBox& tools_;
  Deadline deadline_;
  bool is_watched_;
  std::vector<ProgressMeter> meters_;  // By position.
  std::deque<std::pair<std::size_t, ToolRun>> done_;
  asio::steady_timer
      changed_;  // Cancelled, i.e. signalled, when there is something to deliver or to wait for.
  TaskGroup running_;
};

}  // namespace

Task<Result<void>> run_tools_together(ToolBox& tools, std::span<const Part> calls, Deadline deadline,
                                      ToolBatchSinks sinks) {
  Batch batch(tools, deadline, co_await asio::this_coro::executor, sinks.progress != nullptr);
  batch.start(calls);
  Result<void> result = ok();
  std::exception_ptr failure;
  try {
    result = co_await batch.deliver(sinks);
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
