#include "store/contract.h"

namespace isa::store {
namespace {

using contract::failure;
using testing::run;

class SandboxAuditTest : public contract::StoreContract {
 protected:
  SandboxAuditStore& store() { return engine_->sandbox_audit(); }

  static SandboxAuditEntry entry(std::int64_t at, std::string user = "ann", std::string sandbox = "vm_a") {
    return SandboxAuditEntry{.at = from_millis(at),
                             .sandbox_id = SandboxId(std::move(sandbox)),
                             .lease_id = "lease_a",
                             .user_id = UserId(std::move(user)),
                             .session_id = "sess_a",
                             .kind = AuditKind::tunnel,
                             .verdict = AuditVerdict::refused,
                             .target = "api.example.com:443",
                             .rule = "",
                             .secret = "token",
                             .reason = "not_allowed",
                             .bytes_out = 3,
                             .bytes_in = 4,
                             .count = 2};
  }
  std::vector<std::int64_t> times(SandboxAuditQuery query) {
    std::vector<std::int64_t> found;
    for (const auto& one : run(store().list(std::move(query), "", 100))->items)
      found.push_back(to_millis(one.at));
    return found;
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, SandboxAuditTest, ::testing::ValuesIn(contract::engines()),
                         contract::name_of_engine);

TEST_P(SandboxAuditTest, EntriesAreListedNewestFirstAndWhole) {
  ASSERT_TRUE(run(store().append({entry(1), entry(2)})));
  ASSERT_TRUE(run(store().append({entry(3)})));

  EXPECT_EQ(times({}), (std::vector<std::int64_t>{3, 2, 1}));
  EXPECT_EQ(json::write(run(store().list({}, "", 1))->items.at(0)), json::write(entry(3)));
}

TEST_P(SandboxAuditTest, AListIsOfOneUserSandboxOrSession) {
  ASSERT_TRUE(run(store().append({entry(1), entry(2, "bob"), entry(3, "ann", "vm_b")})));

  EXPECT_EQ(times({.user_id = UserId("ann")}), (std::vector<std::int64_t>{3, 1}));
  EXPECT_EQ(times({.user_id = UserId("ann"), .sandbox_id = SandboxId("vm_a")}), std::vector<std::int64_t>{1});
  EXPECT_EQ(times({.session_id = "sess_b"}), std::vector<std::int64_t>());
}

TEST_P(SandboxAuditTest, PagesNeitherRepeatNorSkip) {
  for (int at = 1; at <= 5; ++at) ASSERT_TRUE(run(store().append({entry(at)})));
  std::vector<std::int64_t> seen;
  std::string cursor;
  do {
    const auto page = run(store().list({}, cursor, 2)).value();
    for (const auto& one : page.items) seen.push_back(to_millis(one.at));
    cursor = page.next_cursor;
    ASSERT_TRUE(run(store().append({entry(9)})));  // What comes meanwhile belongs to a page before.
  } while (!cursor.empty());
  EXPECT_EQ(seen, (std::vector<std::int64_t>{5, 4, 3, 2, 1}));
  EXPECT_EQ(failure(run(store().list({}, "x", 2))), ErrorKind::validation_error);
}

TEST_P(SandboxAuditTest, WhatIsOldIsForgotten) {
  ASSERT_TRUE(run(store().append({entry(1), entry(2), entry(3)})));
  ASSERT_TRUE(run(store().forget_before(from_millis(3))));
  EXPECT_EQ(times({}), std::vector<std::int64_t>{3});
}

}  // namespace
}  // namespace isa::store
