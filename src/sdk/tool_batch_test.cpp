#include "sdk/tool_batch.h"

#include "base/signal.h"
#include "sdk/loop_test_support.h"

namespace isa::sdk {
namespace {

using namespace testing;

TEST(ToolBatch, LeavesNothingRunningWhenItsListenerFailsWhileItIsCancelled) {
  const std::vector<std::string> names{"quick", "slow"};
  ToolBox box({std::make_shared<TestTool>("quick", true, [](json::object) { return give("done"); }),
               std::make_shared<TestTool>("slow", true, [](json::object) { return hang(); })},
              names);
  const std::vector<Part> calls{Part::make_tool_call("1", "quick", "{}"),
                                Part::make_tool_call("2", "slow", "{}")};
  const auto cancellation = std::make_shared<asio::cancellation_signal>();
  std::optional<Result<void>> result;
  const auto batch = [&]() -> Task<void> {
    ToolBatchSinks sinks{.done = [&](std::size_t, ToolRun) -> Task<Result<void>> {
      cancellation->emit(asio::cancellation_type::terminal);
      co_return cancelled("nobody listens");
    }};
    result.emplace(co_await run_tools_together(box, calls, Deadline::never(), std::move(sinks)));
  };
  const auto whole = [&]() -> Task<void> {
    TaskGroup group(co_await asio::this_coro::executor);
    group.spawn("batch", batch(), cancellation);
    co_await group.join();
  };

  ::isa::testing::run(whole());  // A task that still ran would end the program.

  EXPECT_FALSE(result && *result);
}

class Working final : public Tool {
 public:
  explicit Working(std::function<Task<ToolOutput>(ToolContext)> body) : body_(std::move(body)) {}
  const ToolSpec& spec() const override { return spec_; }
  Task<ToolOutput> call(json::object, ToolContext context) override { return body_(std::move(context)); }

 private:
  ToolSpec spec_{"work", "Works.", {}};
  std::function<Task<ToolOutput>(ToolContext)> body_;
};

// Reports until it was heard, and once more before it ends.
Task<ToolOutput> work_until(ToolContext context, std::shared_ptr<Signal> heard) {
  context.report({.text = "one ", .percent = 10.0});
  context.report({.text = "two", .percent = 20.0});
  co_await heard->wait();
  context.report({.text = "three", .percent = 30.0});
  co_return ToolOutput{.text = "done"};
}

TEST(ToolBatch, TellsWhatACallSaysWhileItRunsAndNothingAfterItsEnd) {
  const std::vector<std::string> names{"work"};
  const std::vector<Part> calls{Part::make_tool_call("1", "work", "{}")};
  std::vector<std::string> told;
  const auto whole = [&]() -> Task<void> {
    const auto heard = std::make_shared<Signal>(co_await asio::this_coro::executor);
    ToolBox box({std::make_shared<Working>(
                    [heard](ToolContext context) { return work_until(std::move(context), heard); })},
                names);
    ToolBatchSinks sinks;
    sinks.done = [&](std::size_t, ToolRun run) -> Task<Result<void>> {
      told.push_back(run.output.text);
      co_return ok();
    };
    sinks.progress = [&](std::size_t position, ToolProgress progress) -> Task<Result<void>> {
      told.push_back(fmt::format("{}: {} {}", position, progress.text, progress.percent.value_or(-1)));
      heard->notify();
      co_return ok();
    };
    EXPECT_TRUE(co_await run_tools_together(box, calls, Deadline::never(), std::move(sinks)));
  };

  ::isa::testing::run(whole());

  EXPECT_EQ(told, (std::vector<std::string>{"0: one two 20", "done"}));
}

}  // namespace
}  // namespace isa::sdk
