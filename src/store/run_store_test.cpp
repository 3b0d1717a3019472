#include "store/contract.h"

namespace isa::store {
namespace {

using contract::failure;
using contract::person;
using contract::platform;
using testing::run;

LoggedEvent event(std::int64_t seq, std::string json) {
  return {seq, std::make_shared<const std::string>(std::move(json))};
}

class RunStoreTest : public contract::StoreContract {
 protected:
  void SetUp() override { ASSERT_TRUE(run(engine_->sessions().create(session_))); }
  RunStore& store() { return engine_->runs(); }

  store::Run created(std::string id, std::int64_t created_at = 1000) {
    store::Run turn{.id = RunId("run_" + id),
                    .session_id = session_.id,
                    .owner_id = session_.owner_id,
                    .message = "What is 3 + 4?",
                    .created_at = from_millis(created_at)};
    EXPECT_TRUE(run(store().create(turn)));
    return turn;
  }
  static store::Run ended(store::Run turn, RunState state = RunState::succeeded) {
    turn.state = state;
    turn.response = "7";
    turn.usage = json::object{{"input_tokens", 12}};
    turn.ended_at = from_millis(5000);
    return turn;
  }

  const Session session_{
      .id = SessionId("sess_a"), .owner_id = UserId("ann"), .updated_at = from_millis(900)};
};

INSTANTIATE_TEST_SUITE_P(Engines, RunStoreTest, ::testing::ValuesIn(contract::engines()),
                         contract::name_of_engine);

TEST_P(RunStoreTest, FindsEveryFieldOfWhatWasCreated) {
  const store::Run turn{.id = RunId("run_a"),
                        .session_id = session_.id,
                        .owner_id = UserId("ann"),
                        .agent_config_id = AgentId("agent_a"),
                        .agent_version = 3,
                        .team_id = TeamId("multi_a"),
                        .team_version = 2,
                        .state = RunState::failed,
                        .message = "hi",
                        .response = "part",
                        .error_code = "upstream_error",
                        .usage = json::object{{"a", 1}},
                        .created_at = from_millis(1),
                        .started_at = from_millis(2),
                        .ended_at = from_millis(3)};
  ASSERT_TRUE(run(store().create(turn)));

  EXPECT_EQ(json::write(run(store().find(person("ann"), turn.id)).value()), json::write(turn));
  EXPECT_EQ(failure(run(store().create(turn))), ErrorKind::conflict);
}

TEST_P(RunStoreTest, RefusesARunOfASessionThatDoesNotExist) {
  const store::Run turn{
      .id = RunId("run_a"), .session_id = SessionId("sess_none"), .owner_id = UserId("ann")};
  EXPECT_EQ(failure(run(store().create(turn))), ErrorKind::not_found);
}

TEST_P(RunStoreTest, HidesTheRunsOfOthers) {
  const auto turn = created("a");

  EXPECT_EQ(failure(run(store().find(person("bob"), turn.id))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().list(person("bob"), session_.id))), ErrorKind::not_found);
  EXPECT_TRUE(run(store().find(platform(), turn.id)));
}

TEST_P(RunStoreTest, ListsTheRunsOfASessionOldestFirst) {
  created("b", 2000);
  created("a", 3000);
  created("c", 1000);

  const auto runs = run(store().list(person("ann"), session_.id)).value();

  ASSERT_EQ(runs.size(), 3U);
  EXPECT_EQ(runs[0].id, RunId("run_c"));
  EXPECT_EQ(runs[2].id, RunId("run_a"));
}

TEST_P(RunStoreTest, ARunStartsOnce) {
  const auto turn = created("a");

  ASSERT_TRUE(run(store().mark_running(turn.id, from_millis(2000))));

  const auto running = run(store().find(person("ann"), turn.id)).value();
  EXPECT_EQ(running.state, RunState::running);
  EXPECT_EQ(running.started_at, from_millis(2000));
  EXPECT_EQ(failure(run(store().mark_running(turn.id, from_millis(3000)))), ErrorKind::conflict);
  EXPECT_EQ(failure(run(store().mark_running(RunId("run_none"), from_millis(1)))), ErrorKind::not_found);
}

TEST_P(RunStoreTest, FinishingKeepsResultEventsAndMessagesTogether) {
  const auto turn = created("a");
  ASSERT_TRUE(run(store().mark_running(turn.id, from_millis(2000))));
  const std::vector<LoggedEvent> events{event(1, "{\"seq\":1}"), event(2, ""),
                                        event(3, std::string("\0\xff", 2))};
  const std::vector<SessionMessage> messages{
      {turn.id, from_millis(3000), {{"role", "user"}, {"content", "hi"}}},
      {turn.id, from_millis(4000), {{"role", "assistant"}}}};

  ASSERT_TRUE(run(store().finish(ended(turn), events, messages)));

  const auto kept = run(store().find(person("ann"), turn.id)).value();
  EXPECT_EQ(kept.state, RunState::succeeded);
  EXPECT_EQ(kept.response, "7");
  EXPECT_EQ(kept.usage, (json::object{{"input_tokens", 12}}));
  EXPECT_EQ(kept.started_at, from_millis(2000));
  EXPECT_EQ(kept.ended_at, from_millis(5000));
  const auto all = run(store().events(turn.id, 0)).value();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(*all[0].json, "{\"seq\":1}");
  EXPECT_EQ(*all[2].json, std::string("\0\xff", 2));
  const auto rest = run(store().events(turn.id, 2)).value();
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].seq, 3);
  const auto history = run(engine_->sessions().messages(person("ann"), session_.id)).value();
  ASSERT_EQ(history.size(), 2U);
  EXPECT_EQ(history[0].message.at("content"), "hi");
  EXPECT_EQ(history[1].created_at, from_millis(4000));
  EXPECT_EQ(run(engine_->sessions().find(person("ann"), session_.id))->updated_at, from_millis(5000));
}

TEST_P(RunStoreTest, ARunThatHasEndedKeepsItsFirstEnd) {
  const auto turn = created("a");
  const std::vector<LoggedEvent> events{event(1, "first")};
  const std::vector<LoggedEvent> other{event(1, "second")};
  const std::vector<SessionMessage> messages{{turn.id, from_millis(1), {{"n", 1}}}};
  ASSERT_TRUE(run(store().finish(ended(turn, RunState::cancelled), events, messages)));

  EXPECT_TRUE(run(store().finish(ended(turn, RunState::failed), other, messages)));

  EXPECT_EQ(run(store().find(person("ann"), turn.id))->state, RunState::cancelled);
  EXPECT_EQ(*run(store().events(turn.id, 0))->at(0).json, "first");
  EXPECT_EQ(run(engine_->sessions().messages(person("ann"), session_.id))->size(), 1U);
  EXPECT_EQ(failure(run(store().mark_running(turn.id, from_millis(1)))), ErrorKind::conflict);
}

TEST_P(RunStoreTest, RefusesToFinishWithoutAnEndOrWithoutARun) {
  const auto turn = created("a");

  EXPECT_EQ(failure(run(store().finish(turn, {}, {}))), ErrorKind::internal_error);
  auto unknown = ended(turn);
  unknown.id = RunId("run_none");
  EXPECT_EQ(failure(run(store().finish(unknown, {}, {}))), ErrorKind::not_found);
}

TEST_P(RunStoreTest, NamesTheRunsThatACrashCutOff) {
  created("queued", 2000);
  const auto running = created("running", 1000);
  ASSERT_TRUE(run(store().mark_running(running.id, from_millis(1))));
  ASSERT_TRUE(run(store().finish(ended(created("ended")), {}, {})));

  const auto unfinished = run(store().unfinished()).value();

  ASSERT_EQ(unfinished.size(), 2U);
  EXPECT_EQ(unfinished[0].id, RunId("run_running"));
  EXPECT_EQ(unfinished[1].id, RunId("run_queued"));
}

TEST_P(RunStoreTest, KeepsHowFarARunningRunIs) {
  const auto turn = created("a");
  EXPECT_EQ(failure(run(store().checkpoint(turn.id, {{"at", 0}}))), ErrorKind::conflict);
  ASSERT_TRUE(run(store().mark_running(turn.id, from_millis(1))));
  ASSERT_TRUE(run(store().checkpoint(turn.id, {{"at", 1}})));
  ASSERT_TRUE(run(store().checkpoint(turn.id, {{"at", 2}})));
  EXPECT_EQ(run(store().continuation(turn.id)).value(), (json::object{{"at", 2}}));
  ASSERT_TRUE(run(store().suspend(turn.id, {{"at", 3}}, {})));
  EXPECT_EQ(failure(run(store().checkpoint(turn.id, {{"at", 4}}))), ErrorKind::conflict);
  EXPECT_EQ(run(store().continuation(turn.id)).value(), (json::object{{"at", 3}}));
  ASSERT_TRUE(run(store().finish(ended(turn), {}, {})));
  EXPECT_EQ(run(store().continuation(turn.id)).value(), std::nullopt);
}

TEST_P(RunStoreTest, KeepsWhatAQueuedRunNeedsUntilItBegins) {
  store::Run turn{.id = RunId("run_q"), .session_id = session_.id, .owner_id = session_.owner_id};
  const QueueEntry entry{json::object{{"env", "cloud_pool"}}, 7, std::nullopt};
  ASSERT_TRUE(run(store().create(turn, entry)));

  const auto kept = run(store().queue_entry(turn.id)).value();

  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->order, entry.order);
  EXPECT_EQ(kept->place, 7);
  EXPECT_FALSE(kept->speaks_to);
  ASSERT_TRUE(run(store().mark_running(turn.id, from_millis(1))));
  EXPECT_FALSE(run(store().queue_entry(turn.id)).value());
  EXPECT_EQ(failure(run(store().mark_running(turn.id, from_millis(1)))), ErrorKind::conflict);
}

TEST_P(RunStoreTest, AQueueIsInTheOrderOfItsPlaces) {
  for (const auto& [id, place] : {std::pair("b", 2), std::pair("a", 3), std::pair("c", 1)}) {
    store::Run turn{.id = RunId(std::string("run_") + id),
                    .session_id = session_.id,
                    .owner_id = session_.owner_id,
                    .created_at = from_millis(100 - place)};
    ASSERT_TRUE(run(store().create(turn, QueueEntry{{}, place, std::nullopt})));
  }
  const auto begun = created("begun", 500);
  ASSERT_TRUE(run(store().mark_running(begun.id, from_millis(500))));
  const auto order = [&] {
    std::string ids;
    for (const auto& one : run(store().unfinished()).value()) ids += one.id.value().substr(3);
    return ids;
  };
  EXPECT_EQ(order(), "_begun_c_b_a");

  ASSERT_TRUE(run(store().put_in_place({{RunId("run_a"), 4}, {RunId("run_c"), 5}, {begun.id, 1}})));

  EXPECT_EQ(order(), "_begun_b_a_c");
}

TEST_P(RunStoreTest, AQueuedRunSpeaksToAnotherUntilItBegins) {
  store::Run turn{.id = RunId("run_q"), .session_id = session_.id, .owner_id = session_.owner_id};
  ASSERT_TRUE(run(store().create(turn, QueueEntry{})));

  ASSERT_TRUE(run(store().speak_to(turn.id, RunId("run_other"))));
  EXPECT_EQ(run(store().queue_entry(turn.id)).value()->speaks_to, RunId("run_other"));
  ASSERT_TRUE(run(store().speak_to(turn.id, std::nullopt)));
  EXPECT_FALSE(run(store().queue_entry(turn.id)).value()->speaks_to);
  ASSERT_TRUE(run(store().finish(ended(turn), {}, {})));
  EXPECT_FALSE(run(store().queue_entry(turn.id)).value());
  EXPECT_EQ(failure(run(store().speak_to(turn.id, RunId("run_other")))), ErrorKind::conflict);
}

TEST_P(RunStoreTest, AMessageThatIsNoUtf8StaysReadable) {
  const auto turn = created("a");
  const std::vector<SessionMessage> messages{{turn.id, from_millis(1), {{"content", "cut \xe2\x82"}}}};
  ASSERT_TRUE(run(store().finish(ended(turn), {}, messages)));

  const auto history = run(engine_->sessions().messages(person("ann"), session_.id));

  ASSERT_TRUE(history);
  EXPECT_EQ(history->at(0).message.at("content"), "cut \xEF\xBF\xBD\xEF\xBF\xBD");  // U+FFFD for each byte.
}

}  // namespace
}  // namespace isa::store
