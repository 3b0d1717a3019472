#include "store/contract.h"

namespace isa::store {
namespace {

using contract::failure;
using contract::person;
using testing::run;

class SessionForkTest : public contract::StoreContract {
 protected:
  SessionStore& store() { return engine_->sessions(); }
  const SessionId from{"sess_from"};

  void SetUp() override {
    const Session session{.id = from,
                          .owner_id = UserId("ann"),
                          .agent_config_id = AgentId("agent_a"),
                          .agent_version = 3,
                          .title = "Talk",
                          .created_at = from_millis(1),
                          .updated_at = from_millis(1)};
    ASSERT_TRUE(run(store().create(session)));
  }
  isa::store::Run started(std::string id, std::int64_t at) {
    const isa::store::Run r{.id = RunId("run_" + id),
                            .session_id = from,
                            .owner_id = UserId("ann"),
                            .state = RunState::running,
                            .message = id,
                            .created_at = from_millis(at)};
    EXPECT_TRUE(run(engine_->runs().create(r)));
    return r;
  }
  // A run that said so many messages: "<id>0", "<id>1", ...
  void ended(std::string id, std::int64_t at, int messages) {
    auto r = started(id, at);
    r.state = RunState::succeeded;
    r.ended_at = from_millis(at + 1);
    std::vector<SessionMessage> said;
    for (int i = 0; i < messages; ++i) said.push_back(message(id, id + std::to_string(i)));
    EXPECT_TRUE(run(engine_->runs().finish(r, {}, said)));
  }
  static SessionMessage message(const std::string& id, const std::string& text) {
    return {RunId("run_" + id), from_millis(5), {{"text", text}}};
  }
  static SessionFork fork_to(std::string id, std::optional<std::string> through = {}) {
    SessionFork fork;
    fork.session = {.id = SessionId(std::move(id)),
                    .owner_id = UserId("ann"),
                    .title = "Other way",
                    .created_at = from_millis(9),
                    .updated_at = from_millis(9),
                    .forked_from = SessionId("sess_from"),
                    .fork_point = through};
    if (through) fork.through = RunId("run_" + *through);
    return fork;
  }
  std::string history(std::string id) {
    std::string all;
    for (const auto& one : run(store().messages(person("ann"), SessionId(std::move(id)))).value())
      all += (all.empty() ? "" : " ") + std::string(one.message.at("text").as_string());
    return all;
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, SessionForkTest, ::testing::ValuesIn(contract::engines()),
                         contract::name_of_engine);

TEST_P(SessionForkTest, HoldsTheHistoryThroughARunAndLeavesTheOtherAlone) {
  ended("a", 10, 2);
  ended("b", 20, 2);
  ended("c", 30, 2);
  const auto fork = fork_to("sess_b", "b");
  ASSERT_TRUE(run(store().fork(person("ann"), fork)));
  EXPECT_EQ(history("sess_b"), "a0 a1 b0 b1");
  EXPECT_EQ(history("sess_from"), "a0 a1 b0 b1 c0 c1");
  EXPECT_EQ(json::write(run(store().find(person("ann"), SessionId("sess_b"))).value()),
            json::write(fork.session));
  ASSERT_TRUE(run(store().fork(person("ann"), fork_to("sess_all"))));
  EXPECT_EQ(history("sess_all"), "a0 a1 b0 b1 c0 c1");
}

TEST_P(SessionForkTest, OfItsLastRunItHoldsWhatIsGiven) {
  ended("a", 10, 2);
  ended("b", 20, 4);
  auto fork = fork_to("sess_cut", "b");
  fork.of_last_run = {message("b", "b0"), message("b", "half")};
  ASSERT_TRUE(run(store().fork(person("ann"), fork)));
  EXPECT_EQ(history("sess_cut"), "a0 a1 b0 half");
}

TEST_P(SessionForkTest, ARunThatSaidNothingEndsTheHistoryAllTheSame) {
  ended("a", 10, 1);
  ended("b", 20, 0);
  ended("c", 30, 1);
  ASSERT_TRUE(run(store().fork(person("ann"), fork_to("sess_b", "b"))));
  EXPECT_EQ(history("sess_b"), "a0");
}

TEST_P(SessionForkTest, AForkCanBeForked) {
  ended("a", 10, 1);
  ASSERT_TRUE(run(store().fork(person("ann"), fork_to("sess_one", "a"))));
  auto again = fork_to("sess_two");
  again.session.forked_from = SessionId("sess_one");
  ASSERT_TRUE(run(store().fork(person("ann"), again)));
  EXPECT_EQ(history("sess_two"), "a0");
  ASSERT_TRUE(run(store().remove(person("ann"), from)));
  EXPECT_EQ(history("sess_two"), "a0");
}

TEST_P(SessionForkTest, WhatCannotBeForkedLeavesNothingBehind) {
  ended("a", 10, 1);
  started("live", 20);
  EXPECT_EQ(failure(run(store().fork(person("bob"), fork_to("sess_x", "a")))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().fork(person("ann"), fork_to("sess_x", "none")))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().fork(person("ann"), fork_to("sess_x", "live")))), ErrorKind::conflict);
  EXPECT_EQ(failure(run(store().fork(person("ann"), fork_to("sess_from", "a")))), ErrorKind::conflict);
  EXPECT_EQ(failure(run(store().find(person("ann"), SessionId("sess_x")))), ErrorKind::not_found);
  // What a live run is about to say is not yet history.
  ASSERT_TRUE(run(store().fork(person("ann"), fork_to("sess_now"))));
  EXPECT_EQ(history("sess_now"), "a0");
}

}  // namespace
}  // namespace isa::store
