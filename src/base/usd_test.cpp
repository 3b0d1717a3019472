#include "base/usd.h"

#include <gtest/gtest.h>

#include <limits>

namespace isa {
namespace {

struct Bill {
  using json_defaults = void;
  std::optional<Usd> total;
};
BOOST_DESCRIBE_STRUCT(Bill, (), (total))

TEST(Usd, ManySmallAmountsAddUpExactly) {
  Usd sum;
  for (int i = 0; i < 1'000'000; ++i) sum += Usd::of_number(0.0001).value();
  EXPECT_EQ(sum, Usd::of_number(100).value());
  EXPECT_EQ(sum.text(), "100");
}

TEST(Usd, ANumberGivesTheSameAmountAgain) {
  for (const std::int64_t nanos : {0L, 1L, 3L, 999'999'999L, 1'000'000'001L, 2'000'000'123'456'789L}) {
    const auto amount = Usd::of_nanos(nanos);
    EXPECT_EQ(Usd::of_number(amount.number()), amount) << nanos;
  }
}

TEST(Usd, IsRoundedToTheNearestBillionth) {
  EXPECT_EQ(Usd::of_number(0.1)->nanos(), 100'000'000);
  EXPECT_EQ(Usd::of_number(0.0000000014)->nanos(), 1);
  EXPECT_EQ(Usd::of_number(0.0000000016)->nanos(), 2);
}

TEST(Usd, IsWrittenWithoutExponentAndZerosAtItsEnd) {
  EXPECT_EQ(Usd().text(), "0");
  EXPECT_EQ(Usd::of_nanos(1).text(), "0.000000001");
  EXPECT_EQ(Usd::of_nanos(4'200'000).text(), "0.0042");
  EXPECT_EQ(Usd::of_nanos(12'500'000'000).text(), "12.5");
}

TEST(Usd, TooMuchStaysTheMostThereIs) {
  auto sum = Usd::of_number(1e300).value();
  EXPECT_EQ(sum.nanos(), std::numeric_limits<std::int64_t>::max());
  sum += Usd::of_nanos(1);
  EXPECT_EQ(sum.nanos(), std::numeric_limits<std::int64_t>::max());
}

TEST(Usd, NoAmountIsNegativeOrNoNumber) {
  EXPECT_FALSE(Usd::of_number(-0.01));
  EXPECT_FALSE(Usd::of_number(std::numeric_limits<double>::quiet_NaN()));
}

TEST(Usd, IsANumberInJsonAndLeftOutWhereThereIsNone) {
  EXPECT_EQ(json::write(Bill{}), json::value(json::object{}));
  EXPECT_EQ(json::write(Bill{Usd::of_nanos(1'500'000'000)}).at("total").as_double(), 1.5);
  EXPECT_EQ(json::parse_as<Bill>(R"({"total":0.25})")->total, Usd::of_nanos(250'000'000));
  EXPECT_EQ(json::parse_as<Bill>(R"({"total":2})")->total, Usd::of_nanos(2'000'000'000));
  EXPECT_FALSE(json::parse_as<Bill>(R"({"total":null})")->total);
  const auto refused = json::parse_as<Bill>(R"({"total":-1})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().param(), "/total");
}

}  // namespace
}  // namespace isa
