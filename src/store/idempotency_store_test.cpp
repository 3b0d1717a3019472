#include "store/contract.h"

namespace isa::store {
namespace {

using testing::run;

class IdempotencyStoreTest : public contract::StoreContract {
 protected:
  IdempotencyStore& store() { return engine_->idempotency(); }
  static KnownKey wanted(std::string fingerprint = "f", std::string seed = "s",
                         Timestamp since = from_millis(0)) {
    return {.fingerprint = std::move(fingerprint), .seed = std::move(seed), .since = since};
  }
  std::optional<KnownKey> claim(const UserKey& key, KnownKey as = wanted()) {
    return run(store().claim(key, std::move(as))).value();
  }
  const UserKey key_{UserId("ann"), "k"};
};

INSTANTIATE_TEST_SUITE_P(Engines, IdempotencyStoreTest, ::testing::ValuesIn(contract::engines()),
                         contract::name_of_engine);

TEST_P(IdempotencyStoreTest, OnlyTheFirstOfSeveralClaimsIsNew) {
  EXPECT_FALSE(claim(key_));
  const auto known = claim(key_, wanted("other", "other seed", from_millis(5)));

  ASSERT_TRUE(known);
  EXPECT_EQ(known->state, KeyState::in_flight);
  EXPECT_EQ(known->fingerprint, "f");
  EXPECT_EQ(known->seed, "s");
  EXPECT_EQ(known->since, from_millis(0));
  EXPECT_FALSE(known->answer);
}

TEST_P(IdempotencyStoreTest, TheKeyOfAnotherUserIsAnotherKey) {
  EXPECT_FALSE(claim(key_));
  EXPECT_FALSE(claim({UserId("bob"), "k"}));
  EXPECT_FALSE(claim({UserId("ann"), "K"}));
}

TEST_P(IdempotencyStoreTest, AnAnswerIsKeptToTheByte) {
  claim(key_);
  const KeptAnswer answer{
      404, {{"ETag", "\"3\""}, {"Content-Type", "text/plain"}}, std::string("a\0b\xff", 4)};
  EXPECT_TRUE(run(store().keep(key_, answer)));
  const auto known = claim(key_);

  ASSERT_TRUE(known && known->answer);
  EXPECT_EQ(known->state, KeyState::answered);
  EXPECT_EQ(known->answer->status, 404);
  EXPECT_EQ(known->answer->headers, answer.headers);
  EXPECT_EQ(known->answer->body, answer.body);
}

TEST_P(IdempotencyStoreTest, AnEmptyBodyIsAnAnswerAndNoneIsNot) {
  const UserKey other{UserId("ann"), "other"};
  claim(key_);
  claim(other);
  EXPECT_TRUE(run(store().keep(key_, KeptAnswer{204, {}, ""})));
  EXPECT_TRUE(run(store().keep(other, std::nullopt)));

  EXPECT_TRUE(claim(key_)->answer);
  EXPECT_FALSE(claim(other)->answer);
  EXPECT_EQ(claim(other)->state, KeyState::answered);
}

TEST_P(IdempotencyStoreTest, WhatWasCutOffIsTakenOverByOneCallerAlone) {
  claim(key_);
  EXPECT_TRUE(run(store().cut_off(key_)));

  EXPECT_EQ(claim(key_, wanted("another request"))->state, KeyState::cut_off);
  EXPECT_EQ(claim(key_, wanted("f", "new seed"))->state, KeyState::cut_off);
  const auto second = claim(key_);
  EXPECT_EQ(second->state, KeyState::in_flight);
  EXPECT_EQ(second->seed, "s");
}

TEST_P(IdempotencyStoreTest, AStartCutsOffWhatWasInFlightAndNothingElse) {
  const UserKey done{UserId("ann"), "done"};
  claim(key_);
  claim(done);
  EXPECT_TRUE(run(store().keep(done, KeptAnswer{200, {}, "x"})));

  EXPECT_EQ(run(store().cut_off_all()).value(), 1);
  EXPECT_EQ(claim(key_)->state, KeyState::cut_off);
  EXPECT_EQ(claim(done)->state, KeyState::answered);
  EXPECT_TRUE(run(store().cut_off(done)));
  EXPECT_EQ(claim(done)->state, KeyState::answered);
}

TEST_P(IdempotencyStoreTest, AForgottenKeyIsNew) {
  claim(key_);
  EXPECT_TRUE(run(store().forget(key_)));
  EXPECT_TRUE(run(store().forget(key_)));
  EXPECT_FALSE(claim(key_));
}

TEST_P(IdempotencyStoreTest, AKeyIsKeptForADayAndThenItIsNew) {
  const Timestamp day_later = from_millis(0) + IdempotencyStore::kKept;
  claim(key_);
  EXPECT_TRUE(run(store().keep(key_, KeptAnswer{200, {}, "x"})));

  EXPECT_TRUE(claim(key_, wanted("f", "s", day_later)));
  EXPECT_FALSE(claim(key_, wanted("g", "t", day_later + std::chrono::milliseconds(1))));
  const auto renewed = claim(key_);
  EXPECT_EQ(renewed->fingerprint, "g");
  EXPECT_FALSE(renewed->answer);
}

TEST_P(IdempotencyStoreTest, APurgeRemovesOldKeysAlone) {
  claim(key_);
  claim({UserId("bob"), "k"}, wanted("f", "s", from_millis(10)));

  EXPECT_EQ(run(store().purge(from_millis(10))).value(), 1);
  EXPECT_FALSE(claim(key_));
  EXPECT_TRUE(claim({UserId("bob"), "k"}));
}

}  // namespace
}  // namespace isa::store
