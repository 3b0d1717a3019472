#include "sdk/tool_batch.h"

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
    ToolRunSink sink = [&](std::size_t, ToolRun) -> Task<Result<void>> {
      cancellation->emit(asio::cancellation_type::terminal);
      co_return cancelled("nobody listens");
    };
    result.emplace(co_await run_tools_together(box, calls, Deadline::never(), std::move(sink)));
  };
  const auto whole = [&]() -> Task<void> {
    TaskGroup group(co_await asio::this_coro::executor);
    group.spawn("batch", batch(), cancellation);
    co_await group.join();
  };

  ::isa::testing::run(whole());  // A task that still ran would end the program.

  EXPECT_FALSE(result && *result);
}

}  // namespace
}  // namespace isa::sdk
