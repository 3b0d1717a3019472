#include "base/ids.h"

#include "base/time.h"

#include <gtest/gtest.h>

#include <set>
#include <unordered_set>

namespace isa {
namespace {

TEST(Ids, AUlidHas26CharactersOfItsAlphabet) {
  const auto ulid = make_ulid();
  EXPECT_EQ(ulid.size(), 26U);
  EXPECT_EQ(ulid.find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz"), std::string::npos) << ulid;
}

TEST(Ids, AUlidBeginsWithTheMillisecondsOfItsMaking) {
  constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
  const auto before = to_millis(now());
  const auto ulid = make_ulid();
  const auto after = to_millis(now());

  std::int64_t millis = 0;
  for (const char c : ulid.substr(0, 10)) millis = millis * 32 + static_cast<std::int64_t>(kAlphabet.find(c));

  EXPECT_GE(millis, before);
  EXPECT_LE(millis, after);
}

TEST(Ids, NoTwoAreTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(make_ulid());
  EXPECT_EQ(seen.size(), 10'000U);
}

TEST(Ids, AFreshIdBearsThePrefixOfItsKind) {
  EXPECT_TRUE(RunId::make().value().starts_with("run_"));
  EXPECT_EQ(AgentId::make().value().size(), 6U + 26U);
  EXPECT_TRUE(RunId().empty());
}

TEST(Ids, CompareAndHashByTheirText) {
  EXPECT_LT(RunId("run_a"), RunId("run_b"));
  EXPECT_EQ(RunId("run_a"), RunId("run_a"));
  EXPECT_EQ((std::unordered_set{RunId("run_a"), RunId("run_a"), RunId("run_b")}.size()), 2U);
}

TEST(Ids, RandomHexHasTwoDigitsForEachByte) {
  const auto text = random_hex(300);
  EXPECT_EQ(text.size(), 600U);
  EXPECT_EQ(text.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(text, random_hex(300));
  EXPECT_EQ(random_hex(0), "");
}

}  // namespace
}  // namespace isa
