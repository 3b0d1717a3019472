#include "agent/queue_routes.h"

#include "base/testing.h"
#include "store/file_event_log.h"
#include "store/sqlite/sqlite_store.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

// Its turns work until a test lets them end.
class HeldPlace : public TurnExecutor {
 public:
  explicit HeldPlace(asio::any_io_executor executor) : changed_(std::move(executor)) {}

  Task<Result<void>> run(Turn turn, sdk::EventSink sink, TurnRecord&) override {
    said.push_back(turn.message);
    const auto mine = said.size();
    changed_.notify();
    while (released_ < mine) co_await changed_.wait();
    sdk::Event result{sdk::EventType::result, "done", {{"subtype", "success"}}};
    co_return co_await sink(std::move(result));
  }
  Task<void> wait_for_turns(std::size_t count) {
    while (said.size() < count) co_await changed_.wait();
  }
  void release(std::size_t count) {
    released_ = count;
    changed_.notify();
  }

  std::vector<std::string> said;  // By the turns, in their order.

 private:
  std::size_t released_ = 0;
  Signal changed_;
};

// What the routes ask of a store, which takes its time to put runs in their places.
class SlowToMove : public store::RunStore {
 public:
  explicit SlowToMove(store::RunStore& real) : real_(real) {}
  std::function<Task<void>()> meanwhile;

  Task<Result<void>> put_in_place(std::vector<std::pair<RunId, std::int64_t>> places) override {
    auto placed = co_await real_.put_in_place(std::move(places));
    if (meanwhile) co_await meanwhile();
    co_return placed;
  }
  Task<Result<store::Run>> find(Identity scope, RunId id) override {
    return real_.find(std::move(scope), std::move(id));
  }
  Task<Result<void>> edit_message(RunId id, std::string message) override {
    return real_.edit_message(std::move(id), std::move(message));
  }

  static Error unused() { return not_implemented("the routes of a queue do not ask for this"); }
  Task<Result<void>> create(store::Run, std::optional<store::QueueEntry>) override { co_return unused(); }
  Task<Result<std::vector<store::Run>>> list(Identity, SessionId) override { co_return unused(); }
  Task<Result<void>> mark_running(RunId, Timestamp) override { co_return unused(); }
  Task<Result<std::optional<store::QueueEntry>>> queue_entry(RunId) override { co_return unused(); }
  Task<Result<void>> speak_to(RunId, std::optional<RunId>) override { co_return unused(); }
  Task<Result<void>> suspend(RunId, json::object, std::vector<store::Approval>) override {
    co_return unused();
  }
  Task<Result<void>> resume(RunId) override { co_return unused(); }
  Task<Result<void>> checkpoint(RunId, json::object) override { co_return unused(); }
  Task<Result<std::optional<json::object>>> continuation(RunId) override { co_return unused(); }
  Task<Result<void>> finish(store::Run, std::vector<store::LoggedEvent>,
                            std::vector<store::SessionMessage>) override {
    co_return unused();
  }
  Task<Result<std::vector<store::LoggedEvent>>> events(RunId, std::int64_t) override { co_return unused(); }
  Task<Result<std::vector<store::Run>>> unfinished() override { co_return unused(); }

 private:
  store::RunStore& real_;
};

struct Scene {
  explicit Scene(asio::any_io_executor executor)
      : store(store::sqlite::SqliteStore::open(folder / "isa.db").value()),
        log(store::open_file_event_log({.folder = folder / "events"}).value()),
        runs(store->runs()),
        place(executor),
        engine(executor,
               {store->sessions(),
                store->runs(),
                store->approvals(),
                *log,
                {{store::ExecutionEnv::cloud_shared, &place}},
                place},
               {.drain_timeout = std::chrono::milliseconds(0)}),
        routes(store->sessions(), runs, engine) {}

  Task<std::shared_ptr<LiveRun>> begin(std::string message, bool is_first = false) {
    RunOrder order;
    order.identity.user = UserId("ann");
    order.session = {
        .id = SessionId("s"), .owner_id = UserId("ann"), .created_at = now(), .updated_at = now()};
    order.is_new_session = is_first;
    order.env = store::ExecutionEnv::cloud_shared;
    order.message = std::move(message);
    auto run = engine.start(std::move(order)).value();
    EXPECT_TRUE(co_await engine.accepted(run));
    co_return run;
  }
  Task<Result<net::Response>> edit(const LiveRun& run, std::string body) {
    net::Request request;
    request.identity.user = UserId("ann");
    request.params["id"] = run.id.value();
    request.body = std::move(body);
    co_return co_await routes.edit(request);
  }

  isa::testing::TempFolder folder;
  std::unique_ptr<store::sqlite::SqliteStore> store;
  std::unique_ptr<store::EventLog> log;
  SlowToMove runs;
  HeldPlace place;
  RunEngine engine;
  QueueRoutes routes;
};

Task<void> let_the_first_end(Scene& s) {
  s.place.release(1);
  co_await s.place.wait_for_turns(2);
}

Task<void> edited_as_it_begins() {
  Scene s(co_await asio::this_coro::executor);
  const auto first = co_await s.begin("first", true);
  co_await s.place.wait_for_turns(1);
  const auto run = co_await s.begin("as it was");
  const auto other = co_await s.begin("other");
  s.runs.meanwhile = [&s] { return let_the_first_end(s); };
  const auto move = fmt::format(R"({{"before":"{}","message":"other words"}})", other->id.value());

  const auto refused = co_await s.edit(*run, move);

  EXPECT_FALSE(refused);
  if (!refused) EXPECT_EQ(refused.error().code(), "not_queued");
  EXPECT_EQ(s.place.said, (std::vector<std::string>{"first", "as it was"}));
  EXPECT_EQ(run->row.message, "as it was");
  s.place.release(3);
  EXPECT_TRUE(co_await s.engine.ended(run));
  EXPECT_EQ((co_await s.store->runs().find({.user = UserId("ann")}, run->id))->message, "as it was");
  co_await s.engine.stop();
}

TEST(QueueRoutesTest, ARunThatBeginsWhileItIsMovedKeepsTheWordsThatItBeginsWith) {
  isa::testing::run(edited_as_it_begins());
}

}  // namespace
}  // namespace isa::agent
