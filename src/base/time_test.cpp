#include "base/time.h"

#include <gtest/gtest.h>

namespace isa {
namespace {

TEST(Time, IsWrittenInUtcWithMilliseconds) {
  EXPECT_EQ(to_rfc3339(from_millis(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(from_millis(1'795'384'633'042)), "2026-11-22T21:57:13.042Z");
  EXPECT_EQ(to_rfc3339(from_millis(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(Time, ReadsWhatItWrites) {
  for (const std::int64_t millis :
       {0LL, 1LL, -1LL, 951'782'400'000LL, 1'795'384'633'042LL, 253'402'300'799'999LL})
    EXPECT_EQ(to_millis(parse_rfc3339(to_rfc3339(from_millis(millis))).value()), millis);
}

TEST(Time, ReadsFractionsOfAnyLengthToTheMillisecond) {
  const auto base = parse_rfc3339("2026-11-22T21:57:13Z").value();
  const auto after = [&](std::string_view text) { return (parse_rfc3339(text).value() - base).count(); };
  EXPECT_EQ(after("2026-11-22T21:57:13.5Z"), 500);
  EXPECT_EQ(after("2026-11-22T21:57:13.04Z"), 40);
  EXPECT_EQ(after("2026-11-22T21:57:13.123456789Z"), 123);
}

TEST(Time, AcceptsALeapSecondAndTheLeapDay) {
  EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:60Z").value(), parse_rfc3339("2017-01-01T00:00:00Z").value());
  EXPECT_TRUE(parse_rfc3339("2024-02-29T00:00:00Z"));
}

TEST(Time, AnOffsetIsCountedOff) {
  const auto base = parse_rfc3339("2026-12-31T23:30:00Z").value();
  for (const auto* text :
       {"2027-01-01T01:30:00+02:00", "2026-12-31T18:00:00-05:30", "2026-12-31T23:30:00-00:00"})
    EXPECT_EQ(parse_rfc3339(text).value(), base) << text;
  EXPECT_EQ(parse_rfc3339("2027-01-01T01:30:00.250+02:00").value() - base, std::chrono::milliseconds(250));
}

TEST(Time, RefusesWhatIsNoTime) {
  for (const std::string_view text : {"",
                                      "now",
                                      "2026-11-22",
                                      "2026-11-22T21:57:13",
                                      "2026-11-22T21:57:13+1:00",
                                      "2026-11-22T21:57:13+0100",
                                      "2026-11-22T21:57:13+24:00",
                                      "2026-11-22T21:57:13+01:60",
                                      "2026-11-22T21:57:13Z+01:00",
                                      "2026-11-22T21:57:13+01:00Z",
                                      "2026-11-22T21:57:13Zx",
                                      "2026-13-01T00:00:00Z",
                                      "2025-02-29T00:00:00Z",
                                      "2026-01-01T24:00:00Z",
                                      "2026-01-01T00:60:00Z",
                                      "2026-01-01T00:00:61Z",
                                      "2026-01-01T00:00:-1Z",
                                      "2026-01-01T-1:00:00Z",
                                      "2026- 1- 1T 0: 0: 0Z",
                                      "2026-1-1T0:0:0Z",
                                      "+026-01-01T00:00:00Z",
                                      " 2026-01-01T00:00:00Z",
                                      "2026-01-01T00:00:00.Z",
                                      "2026-01-01 00:00:00Z"}) {
    const auto time = parse_rfc3339(text);
    ASSERT_FALSE(time) << text;
    EXPECT_EQ(time.error().kind(), ErrorKind::validation_error);
  }
}

}  // namespace
}  // namespace isa
