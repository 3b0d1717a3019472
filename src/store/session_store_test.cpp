#include "store/contract.h"

namespace isa::store {
namespace {

using contract::failure;
using contract::person;
using contract::platform;
using testing::run;

class SessionStoreTest : public contract::StoreContract {
 protected:
  SessionStore& store() { return engine_->sessions(); }

  Session created(std::string id, std::string owner, std::int64_t updated_at = 1000) {
    const Session session{.id = SessionId("sess_" + id),
                          .owner_id = UserId(std::move(owner)),
                          .title = "Title " + id,
                          .created_at = from_millis(500),
                          .updated_at = from_millis(updated_at)};
    EXPECT_TRUE(run(store().create(session)));
    return session;
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, SessionStoreTest, ::testing::ValuesIn(contract::engines()),
                         contract::name_of_engine);

TEST_P(SessionStoreTest, FindsEveryFieldOfWhatWasCreated) {
  const Session session{.id = SessionId("sess_a"),
                        .owner_id = UserId("ann"),
                        .agent_config_id = AgentId("agent_a"),
                        .agent_version = 7,
                        .title = "Hello",
                        .created_at = from_millis(1),
                        .updated_at = from_millis(2)};
  ASSERT_TRUE(run(store().create(session)));

  EXPECT_EQ(json::write(run(store().find(person("ann"), session.id)).value()), json::write(session));
  EXPECT_EQ(failure(run(store().create(session))), ErrorKind::conflict);
}

TEST_P(SessionStoreTest, HidesTheSessionsOfOthers) {
  const auto session = created("a", "ann");

  EXPECT_EQ(failure(run(store().find(person("bob"), session.id))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().messages(person("bob"), session.id))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().remove(person("bob"), session.id, from_millis(2000)))), ErrorKind::not_found);
  EXPECT_TRUE(run(store().list(person("bob"), "", 10))->items.empty());
  EXPECT_TRUE(run(store().find(platform(), session.id)));
}

TEST_P(SessionStoreTest, ListsNewestUpdateFirstAcrossPages) {
  for (int i = 0; i < 5; ++i) created(std::to_string(i), "ann", 100 + i);
  created("other", "bob");

  const auto first = run(store().list(person("ann"), "", 3)).value();
  const auto second = run(store().list(person("ann"), first.next_cursor, 3)).value();

  ASSERT_EQ(first.items.size(), 3U);
  EXPECT_EQ(first.items[0].id, SessionId("sess_4"));
  ASSERT_EQ(second.items.size(), 2U);
  EXPECT_EQ(second.items[1].id, SessionId("sess_0"));
  EXPECT_TRUE(second.next_cursor.empty());
  EXPECT_EQ(run(store().list(platform(), "", 10))->items.size(), 6U);
  EXPECT_EQ(failure(run(store().list(person("ann"), "nonsense", 3))), ErrorKind::validation_error);
}

TEST_P(SessionStoreTest, RemovesASessionWithItsRunsEventsAndMessages) {
  const auto session = created("a", "ann");
  store::Run turn{
      .id = RunId("run_a"), .session_id = session.id, .owner_id = session.owner_id, .message = "hi"};
  ASSERT_TRUE(run(engine_->runs().create(turn)));
  turn.state = RunState::succeeded;
  const std::vector<LoggedEvent> events{{1, std::make_shared<const std::string>("{}")}};
  const std::vector<SessionMessage> messages{{turn.id, from_millis(3), {{"role", "user"}}}};
  ASSERT_TRUE(run(engine_->runs().finish(turn, events, messages)));

  ASSERT_TRUE(run(store().remove(person("ann"), session.id, from_millis(2000))));

  EXPECT_EQ(failure(run(store().find(person("ann"), session.id))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(engine_->runs().find(person("ann"), turn.id))), ErrorKind::not_found);
  EXPECT_TRUE(run(engine_->runs().events(turn.id, 0))->empty());
}

TEST_P(SessionStoreTest, KeepsTheIdsOfRemovedSessionsUntilTheyArePurged) {
  const auto old = created("old", "ann");
  const auto fresh = created("fresh", "ann");
  ASSERT_TRUE(run(store().remove(person("ann"), old.id, from_millis(2000))));
  ASSERT_TRUE(run(store().remove(person("ann"), fresh.id, from_millis(3000))));
  EXPECT_EQ(failure(run(store().create(old))), ErrorKind::conflict);

  EXPECT_EQ(run(store().purge(from_millis(3000))).value(), 1);

  EXPECT_TRUE(run(store().create(old)));
  EXPECT_TRUE(run(store().messages(person("ann"), old.id))->empty());
  EXPECT_EQ(failure(run(store().create(fresh))), ErrorKind::conflict);
}

}  // namespace
}  // namespace isa::store
