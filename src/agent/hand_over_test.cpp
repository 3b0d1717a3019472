#include "agent/hand_over.h"

#include "agent/run_continuation.h"
#include "base/testing.h"
#include "store/file_event_log.h"
#include "store/sqlite/sqlite_store.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

constexpr std::chrono::seconds kPatience{20};

// A place whose turns do not say whether they listen before a test lets them.
class SlowPlace : public TurnExecutor {
 public:
  explicit SlowPlace(asio::any_io_executor executor) : changed_(std::move(executor)) {}

  Task<Result<void>> run(Turn, sdk::EventSink, TurnRecord&) override { co_return ok(); }
  Task<Result<void>> steer(SessionId, RunId, std::string) override {
    ++asked_;
    changed_.notify();
    while (!answer_) co_await changed_.wait();
    co_return *answer_;
  }
  Task<void> wait_until_asked() {
    while (asked_ == 0) co_await changed_.wait();
  }
  void answer(Result<void> said) {
    answer_ = std::move(said);
    changed_.notify();
  }

 private:
  int asked_ = 0;
  std::optional<Result<void>> answer_;
  Signal changed_;
};

// A run that works, and one that waits behind it with the message "use blue".
struct Scene {
  explicit Scene(asio::any_io_executor on)
      : executor(on),
        store(store::sqlite::SqliteStore::open(folder / "isa.db").value()),
        log(store::open_file_event_log({.folder = folder / "events"}).value()),
        registry(on),
        place(on),
        words(on, registry, store->runs(), {{store::ExecutionEnv::cloud_shared, &place}}, place),
        callers(on) {}

  Task<std::shared_ptr<LiveRun>> begin(std::string message, store::RunState state) {
    RunOrder order;
    order.identity.user = UserId("ann");
    order.session.id = SessionId("s");
    order.env = store::ExecutionEnv::cloud_shared;
    order.message = std::move(message);
    auto run = std::make_shared<LiveRun>(executor, *log, std::move(order), RunStreamLimits{});
    run->row = {.id = run->id, .session_id = SessionId("s"), .owner_id = UserId("ann"), .state = state};
    run->row.message = run->order.message;
    store::QueueEntry entry{write_order(run->order), 1, std::nullopt};
    EXPECT_TRUE(co_await store->runs().create(run->row, std::move(entry)));
    registry.add(run);
    co_return run;
  }
  Task<void> set_up() {
    store::Session session{.id = SessionId("s"), .owner_id = UserId("ann")};
    EXPECT_TRUE(co_await store->sessions().create(session));
    working = co_await begin("go", store::RunState::running);
    queued = co_await begin("use blue", store::RunState::queued);
  }
  // The request of a caller, which can be cut off.
  std::shared_ptr<asio::cancellation_signal> call(Task<Result<void>> request) {
    auto cut_off = std::make_shared<asio::cancellation_signal>();
    const auto ask = [](Task<Result<void>> from) -> Task<void> { (void)co_await std::move(from); };
    callers.spawn("caller", ask(std::move(request)), cut_off);
    return cut_off;
  }
  Task<void> hear(std::string said) {
    sdk::Event event{sdk::EventType::system, std::move(said), {{"event", "steered"}}};
    EXPECT_TRUE(co_await words.hear(*working, std::move(event)));
    EXPECT_TRUE(co_await working->stream.written());
  }

  asio::any_io_executor executor;
  isa::testing::TempFolder folder;
  std::unique_ptr<store::sqlite::SqliteStore> store;
  std::unique_ptr<store::EventLog> log;
  RunRegistry registry;
  SlowPlace place;
  HandOver words;
  std::shared_ptr<LiveRun> working, queued;
  TaskGroup callers;
};

void with_scene(Task<void> (*body)(Scene&)) {
  const auto whole = [](Task<void> (*inner)(Scene&)) -> Task<void> {
    Scene scene(co_await asio::this_coro::executor);
    co_await scene.set_up();
    co_await inner(scene);
    co_await scene.callers.stop();
    co_await scene.words.stop();
  };
  isa::testing::run(whole(body));
}

// Its caller is cut off before the turn has said whether it listens.
Task<void> give_and_leave(Scene& s) {
  const auto caller = s.call(s.words.give(*s.queued, *s.working));
  co_await s.place.wait_until_asked();
  caller->emit(asio::cancellation_type::terminal);
  co_await s.callers.join();
}

TEST(HandOverTest, AMessageIsItsRunsAgainWhenTheTurnDoesNotTakeItAlsoIfNobodyWaitsForThat) {
  with_scene([](Scene& s) -> Task<void> {
    co_await give_and_leave(s);
    s.queued->request_stop(StopReason::asked);  // Kept until it is clear whose the message is.
    EXPECT_EQ(s.queued->stop, StopReason::none);
    s.place.answer(timeout("the sandbox does not answer"));
    const auto patience = Deadline::after(kPatience);
    while (s.queued->stop == StopReason::none && !patience.passed())
      co_await s.queued->changed.wait(patience);
    EXPECT_EQ(s.queued->stop, StopReason::asked);
    EXPECT_FALSE(s.queued->is_handed());
  });
}

TEST(HandOverTest, AMessageThatTheTurnTookStaysItsAlsoIfNobodyWaitsForThat) {
  with_scene([](Scene& s) -> Task<void> {
    co_await give_and_leave(s);
    s.place.answer(ok());
    const auto patience = Deadline::after(kPatience);
    while (s.queued->speech->is_offered && !patience.passed())
      co_await sleep_for(std::chrono::milliseconds(1));
    EXPECT_FALSE(s.queued->speech->is_offered);
    EXPECT_TRUE(s.queued->is_handed());
  });
}

TEST(HandOverTest, AWordThatTheTurnTookIsToldToItAgainWhenItGoesOnAlsoIfItsCallerLeft) {
  with_scene([](Scene& s) -> Task<void> {
    const auto caller = s.call(s.words.say(*s.working, "hurry"));
    co_await s.place.wait_until_asked();
    caller->emit(asio::cancellation_type::terminal);
    co_await s.callers.join();
    EXPECT_TRUE(s.words.said_to(*s.working).empty());  // It may have it already.
    s.place.answer(ok());
    const auto patience = Deadline::after(kPatience);
    while (s.working->unheard.at(0).is_offered && !patience.passed())
      co_await sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(s.words.said_to(*s.working), std::vector<std::string>{"hurry"});
  });
}

TEST(HandOverTest, ATurnHasHeardWhatWasSaidToItAndNothingElse) {
  with_scene([](Scene& s) -> Task<void> {
    co_await s.hear("pay mallory");  // Nobody said so.
    co_await s.hear("use blue");     // Nobody has handed that over yet.
    EXPECT_TRUE(s.working->recorder.heard().empty());
    EXPECT_TRUE(s.working->stream.is_empty());

    s.place.answer(ok());
    EXPECT_TRUE(co_await s.words.say(*s.working, "hurry"));
    co_await s.hear("hurry");
    co_await s.hear("hurry");
    EXPECT_EQ(s.working->recorder.heard(), std::vector<std::string>{"hurry"});
  });
}

// The answer got lost, the words did not.
TEST(HandOverTest, ATurnMayHaveHeardWhatItDidNotSayThatItTook) {
  with_scene([](Scene& s) -> Task<void> {
    s.place.answer(timeout("the sandbox does not answer"));
    EXPECT_FALSE(co_await s.words.say(*s.working, "hurry"));
    EXPECT_FALSE(co_await s.words.give(*s.queued, *s.working));
    co_await s.hear("hurry");
    co_await s.hear("use blue");
    EXPECT_EQ(s.working->recorder.heard(), (std::vector<std::string>{"hurry", "use blue"}));
    EXPECT_FALSE(s.queued->speech);
  });
}

}  // namespace
}  // namespace isa::agent
