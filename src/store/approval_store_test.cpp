#include "store/contract.h"

namespace isa::store {
namespace {

using contract::failure;
using contract::person;
using contract::platform;
using testing::run;

class ApprovalStoreTest : public contract::StoreContract {
 protected:
  void SetUp() override {
    ASSERT_TRUE(run(engine_->sessions().create(session_)));
    ASSERT_TRUE(run(engine_->runs().create(run_)));
  }
  ApprovalStore& store() { return engine_->approvals(); }
  RunStore& runs() { return engine_->runs(); }

  Approval question(std::string id, std::int64_t created_at = 1000) const {
    Approval to{.request_id = ApprovalId("appr_" + id),
                .run_id = run_.id,
                .session_id = session_.id,
                .owner_id = session_.owner_id,
                .agent = "clerk",
                .tool_use_id = "call_" + id,
                .tool = "bash_execute",
                .subject = "bash_execute",
                .args = {{"command", "ls"}},
                .question = "May I?",
                .options = {"approve", "deny"}};
    to.created_at = from_millis(created_at);
    to.expires_at = from_millis(created_at + 1000);
    return to;
  }
  void suspend(std::vector<Approval> questions) {
    ASSERT_TRUE(run(runs().suspend(run_.id, {{"step", 1}}, std::move(questions))));
  }
  Result<Approval> decide(std::string id, ApprovalState state, std::string by = "ann",
                          std::int64_t at = 1500) {
    ApprovalDecision decision{.state = state, .by = UserId(by), .at = from_millis(at)};
    return run(store().decide(person(by), run_.id, ApprovalId("appr_" + id), std::move(decision)));
  }
  RunState state() { return run(runs().find(person("ann"), run_.id)).value().state; }

  const Session session_{
      .id = SessionId("sess_a"), .owner_id = UserId("ann"), .updated_at = from_millis(900)};
  const store::Run run_{.id = RunId("run_a"),
                        .session_id = session_.id,
                        .owner_id = session_.owner_id,
                        .state = RunState::running,
                        .message = "hi",
                        .created_at = from_millis(950)};
};

INSTANTIATE_TEST_SUITE_P(Engines, ApprovalStoreTest, ::testing::ValuesIn(contract::engines()),
                         contract::name_of_engine);

TEST_P(ApprovalStoreTest, ARunWaitsWithItsQuestionsAndWhatItNeedsToGoOn) {
  suspend({question("a"), question("b", 1001)});

  EXPECT_EQ(state(), RunState::waiting);
  EXPECT_EQ(run(runs().continuation(run_.id)).value(), (json::object{{"step", 1}}));
  EXPECT_EQ(run(store().of_run(run_.id)).value().size(), 2U);
  EXPECT_EQ(json::write(run(store().find(person("ann"), run_.id, ApprovalId("appr_a"))).value()),
            json::write(question("a")));
  EXPECT_EQ(run(runs().unfinished()).value().size(), 1U);
  EXPECT_EQ(failure(run(runs().suspend(run_.id, {}, {}))), ErrorKind::conflict);
}

TEST_P(ApprovalStoreTest, ARunGoesOnOnce) {
  suspend({question("a")});
  EXPECT_TRUE(run(runs().resume(run_.id)));
  EXPECT_EQ(state(), RunState::running);
  EXPECT_EQ(failure(run(runs().resume(run_.id))), ErrorKind::conflict);
}

TEST_P(ApprovalStoreTest, TheFirstDecisionStands) {
  suspend({question("a")});

  const auto first = decide("a", ApprovalState::approved);

  EXPECT_EQ(first.value().decided_by, UserId("ann"));
  EXPECT_TRUE(decide("a", ApprovalState::approved));
  EXPECT_EQ(failure(decide("a", ApprovalState::denied)), ErrorKind::conflict);
  EXPECT_EQ(run(store().of_run(run_.id)).value().at(0).state, ApprovalState::approved);
}

TEST_P(ApprovalStoreTest, WhenItsTimeIsUpAQuestionCanOnlyExpire) {
  suspend({question("a")});

  for (const auto state : {ApprovalState::approved, ApprovalState::edited, ApprovalState::denied})
    EXPECT_EQ(failure(decide("a", state, "ann", 2000)), ErrorKind::conflict) << json::name_of(state);
  EXPECT_EQ(run(store().of_run(run_.id)).value().at(0).state, ApprovalState::pending);

  ApprovalDecision expired{.state = ApprovalState::expired, .at = from_millis(2000)};
  EXPECT_TRUE(run(store().decide(platform(), run_.id, ApprovalId("appr_a"), std::move(expired))));
}

TEST_P(ApprovalStoreTest, AQuestionCanBeDecidedUntilItsLastMoment) {
  suspend({question("a")});
  EXPECT_TRUE(decide("a", ApprovalState::approved, "ann", 1999));
  // Whoever asks again what they decided is told so later, too.
  EXPECT_TRUE(decide("a", ApprovalState::approved, "ann", 3000));
}

TEST_P(ApprovalStoreTest, HidesTheQuestionsOfOthers) {
  suspend({question("a")});
  EXPECT_EQ(failure(decide("a", ApprovalState::approved, "bob")), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().find(person("bob"), run_.id, ApprovalId("appr_a")))), ErrorKind::not_found);
  EXPECT_TRUE(run(store().list(person("bob"), std::nullopt, "", 10)).value().items.empty());
  EXPECT_TRUE(run(store().find(platform(), run_.id, ApprovalId("appr_a"))));
}

TEST_P(ApprovalStoreTest, TheInboxIsPagedNewestFirstAndByState) {
  suspend({question("a", 1), question("b", 2), question("c", 3)});
  ASSERT_TRUE(decide("b", ApprovalState::denied));

  const auto first = run(store().list(person("ann"), ApprovalState::pending, "", 1)).value();
  const auto second = run(store().list(person("ann"), ApprovalState::pending, first.next_cursor, 1)).value();

  EXPECT_EQ(first.items.at(0).request_id.value(), "appr_c");
  EXPECT_EQ(second.items.at(0).request_id.value(), "appr_a");
  EXPECT_EQ(second.next_cursor, "");
  EXPECT_EQ(run(store().list(person("ann"), std::nullopt, "", 10)).value().items.size(), 3U);
}

TEST_P(ApprovalStoreTest, TheEndOfARunCancelsWhatNobodyAnswered) {
  suspend({question("a"), question("b")});
  ASSERT_TRUE(decide("a", ApprovalState::approved));
  auto ended = run_;
  ended.state = RunState::cancelled;
  ended.ended_at = from_millis(2000);
  ASSERT_TRUE(run(runs().finish(ended, {}, {})));

  EXPECT_EQ(run(store().of_run(run_.id)).value().at(0).state, ApprovalState::approved);
  EXPECT_EQ(run(store().of_run(run_.id)).value().at(1).state, ApprovalState::cancelled);
  EXPECT_FALSE(run(runs().continuation(run_.id)).value());
  EXPECT_EQ(failure(decide("b", ApprovalState::approved)), ErrorKind::conflict);
}

TEST_P(ApprovalStoreTest, AMessageIsEditedWhileItsRunIsQueuedOnly) {
  EXPECT_EQ(failure(run(runs().edit_message(run_.id, "other"))), ErrorKind::conflict);
  auto queued = run_;
  queued.id = RunId("run_b");
  queued.state = RunState::queued;
  ASSERT_TRUE(run(runs().create(queued)));
  EXPECT_TRUE(run(runs().edit_message(queued.id, "other")));
  EXPECT_EQ(run(runs().find(person("ann"), queued.id)).value().message, "other");
}

TEST_P(ApprovalStoreTest, ARuleIsKeptOnceAndByItsOwnerAlone) {
  const Allowance rule{AllowanceId("allow_a"), UserId("ann"), AgentId("agent_a"), "bash_execute(ls*)",
                       from_millis(1)};
  auto again = rule;
  again.id = AllowanceId("allow_b");

  EXPECT_EQ(run(store().allow(rule)).value().id, rule.id);
  EXPECT_EQ(run(store().allow(again)).value().id, rule.id);
  EXPECT_EQ(run(store().allowances(person("ann"))).value().size(), 1U);
  EXPECT_TRUE(run(store().allowances(person("bob"))).value().empty());
  EXPECT_EQ(failure(run(store().disallow(person("bob"), rule.id))), ErrorKind::not_found);
  EXPECT_TRUE(run(store().disallow(person("ann"), rule.id)));
  EXPECT_EQ(failure(run(store().disallow(person("ann"), rule.id))), ErrorKind::not_found);
}

TEST_P(ApprovalStoreTest, RulesAreLimited) {
  for (std::int64_t i = 0; i < ApprovalStore::kAllowancesMax; ++i) {
    Allowance rule{AllowanceId::make(), UserId("ann"), std::nullopt, "tool_" + std::to_string(i),
                   from_millis(i)};
    ASSERT_TRUE(run(store().allow(std::move(rule))));
  }
  Allowance more{AllowanceId::make(), UserId("ann"), std::nullopt, "more", from_millis(1)};
  EXPECT_EQ(failure(run(store().allow(std::move(more)))), ErrorKind::conflict);
}

}  // namespace
}  // namespace isa::store
