#include "base/deadline.h"

#include "base/task_group.h"
#include "base/testing.h"

#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

namespace isa {
namespace {

using namespace std::chrono_literals;
using testing::run;

Task<void> set_after_a_turn(bool& done) {
  co_await asio::post(co_await asio::this_coro::executor, use_task);
  done = true;
}

// Waits for ever, and says that it was unwound.
Task<void> wait_for_ever(bool& unwound) {
  struct OnExit {
    bool& flag;
    ~OnExit() { flag = true; }
  };
  const OnExit on_exit{unwound};
  co_await sleep_until(Deadline::never());
}

TEST(Deadline, CanBeTightenedButNeverExtended) {
  const auto deadline = Deadline::after(10s);
  EXPECT_LT(deadline.tightened(1s).time(), deadline.time());
  EXPECT_EQ(deadline.tightened(20s).time(), deadline.time());
  EXPECT_FALSE(Deadline::never().tightened(1s).is_never());
}

TEST(Deadline, KnowsWhatIsLeft) {
  EXPECT_TRUE(Deadline::after(-1s).passed());
  EXPECT_EQ(Deadline::after(-1s).remaining(), 0s);
  EXPECT_FALSE(Deadline::never().passed());
  EXPECT_EQ(Deadline::never().remaining(), Deadline::Clock::duration::max());
  EXPECT_GT(Deadline::after(10s).remaining(), 5s);
}

TEST(Deadline, ATaskThatFinishesInTimeIsNotDisturbed) {
  bool done = false, late = false;
  EXPECT_TRUE(run(finished_before(Deadline::after(1h), set_after_a_turn(done))));
  EXPECT_TRUE(run(finished_before(Deadline::never(), set_after_a_turn(late))));
  EXPECT_TRUE(done);
  EXPECT_TRUE(late);
}

TEST(Deadline, ATaskThatIsLateIsUnwoundBeforeTheAnswer) {
  bool unwound = false;
  EXPECT_FALSE(run(finished_before(Deadline::after(1ms), wait_for_ever(unwound))));
  EXPECT_TRUE(unwound);
}

TEST(Deadline, AnExceptionOfTheTaskComesThrough) {
  const auto failing = []() -> Task<void> {
    co_await asio::post(co_await asio::this_coro::executor, use_task);
    throw std::runtime_error("a bug");
  };
  EXPECT_THROW(run(finished_before(Deadline::after(1h), failing())), std::runtime_error);
}

TEST(Deadline, ACallerThatIsCancelledUnwindsInsteadOfReportingATimeout) {
  const auto cancelled = [](bool& unwound, std::string& outcome) -> Task<void> {
    const auto body = [](bool& inner, std::string& to) -> Task<void> {
      try {
        to = co_await finished_before(Deadline::after(1h), wait_for_ever(inner)) ? "finished" : "late";
      } catch (const boost::system::system_error& e) {
        to = e.code() == asio::error::operation_aborted ? "cancelled" : e.what();
        throw;
      }
    };
    TaskGroup tasks(co_await asio::this_coro::executor);
    tasks.spawn("body", body(unwound, outcome));
    co_await asio::post(co_await asio::this_coro::executor, use_task);
    co_await tasks.stop();
  };
  bool unwound = false;
  std::string outcome;
  run(cancelled(unwound, outcome));
  EXPECT_TRUE(unwound);
  EXPECT_EQ(outcome, "cancelled");
}

TEST(Deadline, AResultPassesThroughOrBecomesATimeout) {
  const auto answer = []() -> Task<Result<int>> { co_return 7; };
  const auto refuse = []() -> Task<Result<int>> { co_return conflict("no"); };
  const auto late = []() -> Task<Result<int>> {
    co_await sleep_until(Deadline::never());
    co_return 7;
  };
  EXPECT_EQ(run(with_deadline(Deadline::after(1h), answer())).value(), 7);
  EXPECT_EQ(run(with_deadline(Deadline::after(1h), refuse())).error().kind(), ErrorKind::conflict);
  const auto timed_out = run(with_deadline(Deadline::after(1ms), late(), "too slow"));
  EXPECT_EQ(timed_out.error().kind(), ErrorKind::timeout);
  EXPECT_EQ(timed_out.error().message(), "too slow");
}

TEST(Deadline, SleepingTakesAtLeastAsLongAsAsked) {
  const auto start = Deadline::Clock::now();
  run(sleep_for(2ms));
  EXPECT_GE(Deadline::Clock::now() - start, 2ms);
}

}  // namespace
}  // namespace isa
