#include "agent/triggers/cron.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

Timestamp at(std::string_view text) {
  return parse_rfc3339(text).value();
}
// The time after `from`, as text; or what is wrong.
std::string next(std::string_view cron, std::string_view from, std::string_view zone = "UTC") {
  const auto parsed = Cron::parse(cron);
  if (!parsed) return parsed.error().message();
  const auto found = parsed->next_after(at(from), zone);
  return found ? to_rfc3339(*found).substr(0, 16) : found.error().message();
}
// The next `count` times, each after the one before, as times of the day in UTC.
std::string row(std::string_view cron, std::string_view from, std::string_view zone, int count) {
  const auto parsed = Cron::parse(cron).value();
  std::string all;
  auto time = at(from);
  for (int i = 0; i < count; ++i) {
    time = parsed.next_after(time, zone).value();
    all += (i > 0 ? " " : "") + to_rfc3339(time).substr(11, 5);
  }
  return all;
}

TEST(Cron, EveryMinuteIsTheNextFullMinute) {
  EXPECT_EQ(next("* * * * *", "2026-01-01T00:00:00.000Z"), "2026-01-01T00:01");
  EXPECT_EQ(next("* * * * *", "2026-01-01T00:00:59.999Z"), "2026-01-01T00:01");
  EXPECT_EQ(next("* * * * *", "2026-12-31T23:59:30.000Z"), "2027-01-01T00:00");
}

TEST(Cron, ATimeThatIsNowComesNextTime) {
  EXPECT_EQ(next("0 9 * * *", "2026-03-05T09:00:00.000Z"), "2026-03-06T09:00");
  EXPECT_EQ(next("0 9 * * *", "2026-03-05T08:59:59.999Z"), "2026-03-05T09:00");
}

TEST(Cron, FieldsAreListsRangesStepsAndNames) {
  EXPECT_EQ(row("*/20 * * * *", "2026-01-01T00:00:00.000Z", "UTC", 4), "00:20 00:40 01:00 01:20");
  EXPECT_EQ(row("5,10-12 * * * *", "2026-01-01T00:00:00.000Z", "UTC", 5), "00:05 00:10 00:11 00:12 01:05");
  EXPECT_EQ(row("50/4 * * * *", "2026-01-01T00:00:00.000Z", "UTC", 4), "00:50 00:54 00:58 01:50");
  EXPECT_EQ(row("0 8-18/5 * * *", "2026-01-01T00:00:00.000Z", "UTC", 4), "08:00 13:00 18:00 08:00");
  EXPECT_EQ(next("0 9 * * MON-fri", "2026-11-28T12:00:00.000Z"), "2026-11-30T09:00");  // From a Saturday.
  EXPECT_EQ(next("0 0 1 Feb *", "2026-03-01T00:00:00.000Z"), "2027-02-01T00:00");
  EXPECT_EQ(next("  0   9 * *  * ", "2026-03-05T09:00:00.000Z"), "2026-03-06T09:00");
}

TEST(Cron, SevenIsSundayLikeZero) {
  EXPECT_EQ(next("0 0 * * 7", "2026-11-28T12:00:00.000Z"), "2026-11-29T00:00");
  EXPECT_EQ(next("0 0 * * 0", "2026-11-28T12:00:00.000Z"), "2026-11-29T00:00");
  EXPECT_EQ(next("0 0 * * 5-7", "2026-11-28T12:00:00.000Z"), "2026-11-29T00:00");
}

TEST(Cron, OfTwoRestrictedDaysEitherIsEnough) {
  // The 13th, and every Friday (2026-11-27 and 2026-12-04 are Fridays).
  EXPECT_EQ(next("0 0 13 * 5", "2026-11-28T00:00:00.000Z"), "2026-12-04T00:00");
  EXPECT_EQ(next("0 0 13 * 5", "2026-12-11T00:00:00.000Z"), "2026-12-13T00:00");
  EXPECT_EQ(next("0 0 13 * *", "2026-11-28T00:00:00.000Z"), "2026-12-13T00:00");
}

TEST(Cron, WordsStandForExpressions) {
  EXPECT_EQ(next("@hourly", "2026-01-01T00:00:00.000Z"), "2026-01-01T01:00");
  EXPECT_EQ(next("@daily", "2026-01-01T00:00:00.000Z"), "2026-01-02T00:00");
  EXPECT_EQ(next("@weekly", "2026-11-28T00:00:00.000Z"), "2026-11-29T00:00");
  EXPECT_EQ(next("@monthly", "2026-01-01T00:00:00.000Z"), "2026-02-01T00:00");
  EXPECT_EQ(next("@yearly", "2026-01-01T00:00:00.000Z"), "2027-01-01T00:00");
}

TEST(Cron, ALeapDayComesInLeapYearsAlone) {
  EXPECT_EQ(next("0 0 29 2 *", "2026-01-01T00:00:00.000Z"), "2028-02-29T00:00");
  EXPECT_EQ(next("0 0 29 2 *", "2096-03-01T00:00:00.000Z"), "2104-02-29T00:00");  // 2100 has none.
  EXPECT_EQ(next("0 0 31 * *", "2026-02-01T00:00:00.000Z"), "2026-03-31T00:00");
}

TEST(Cron, WhatNeverComesIsAnError) {
  EXPECT_EQ(next("0 0 30 2 *", "2026-01-01T00:00:00.000Z"), "the cron expression never comes");
  EXPECT_EQ(next("* * 31 4,6,9,11 *", "2026-01-01T00:00:00.000Z"), "the cron expression never comes");
}

TEST(Cron, BadExpressionsAreRefusedWithTheField) {
  for (const auto* text : {"",
                           "* * * *",
                           "* * * * * *",
                           "60 * * * *",
                           "* 24 * * *",
                           "* * 0 * *",
                           "* * 32 * *",
                           "* * * 13 *",
                           "* * * * 8",
                           "a * * * *",
                           "1-a * * * *",
                           "5-1 * * * *",
                           "*/0 * * * *",
                           "*/61 * * * *",
                           ", * * * *",
                           "1,, * * * *",
                           "-1 * * * *",
                           "+1 * * * *",
                           "1- * * * *",
                           "*/ * * * *",
                           "1.5 * * * *",
                           "* * * mon *",
                           "@often",
                           "99999999999999999999 * * * *"})
    EXPECT_FALSE(Cron::parse(text)) << text;
  EXPECT_NE(Cron::parse("0 25 * * *").error().message().find("hour"), std::string::npos);
  EXPECT_FALSE(Cron::parse(std::string(300, '*')));
}

TEST(Cron, TimesAreThoseOfTheZone) {
  EXPECT_EQ(next("0 9 * * *", "2026-01-15T00:00:00.000Z", "Europe/Berlin"), "2026-01-15T08:00");
  EXPECT_EQ(next("0 9 * * *", "2026-07-15T00:00:00.000Z", "Europe/Berlin"), "2026-07-15T07:00");
  EXPECT_EQ(next("0 9 * * *", "2026-07-15T00:00:00.000Z", "Asia/Kolkata"), "2026-07-15T03:30");
  EXPECT_EQ(next("0 0 * * mon", "2026-11-28T00:00:00.000Z", "America/New_York"), "2026-11-30T05:00");
  EXPECT_EQ(next("30 8 * * *", "2026-07-15T00:00:00.000Z", "+05:30"), "2026-07-15T03:00");
  EXPECT_NE(next("0 9 * * *", "2026-01-15T00:00:00.000Z", "Mars/Base").find("Mars/Base"), std::string::npos);
}

// Berlin, 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC.
TEST(Cron, ATimeInTheGapComesOnceAtItsEnd) {
  EXPECT_EQ(next("30 2 * * *", "2026-03-28T12:00:00.000Z", "Europe/Berlin"), "2026-03-29T01:00");
  EXPECT_EQ(next("30 2 * * *", "2026-03-29T01:00:00.000Z", "Europe/Berlin"), "2026-03-30T00:30");
  EXPECT_EQ(row("15,45 2 * * *", "2026-03-29T00:00:00.000Z", "Europe/Berlin", 2), "01:00 00:15");
  EXPECT_EQ(next("0 3 * * *", "2026-03-28T12:00:00.000Z", "Europe/Berlin"), "2026-03-29T01:00");
}

// Berlin, 2026-10-25: 03:00 becomes 02:00 at 01:00 UTC; 02:30 is at 00:30 and at 01:30 UTC.
TEST(Cron, ATimeInTheRepeatedHourComesOnceAtItsFirstPassing) {
  EXPECT_EQ(next("30 2 * * *", "2026-10-24T12:00:00.000Z", "Europe/Berlin"), "2026-10-25T00:30");
  EXPECT_EQ(next("30 2 * * *", "2026-10-25T00:30:00.000Z", "Europe/Berlin"), "2026-10-26T01:30");
  EXPECT_EQ(next("30 2 * * *", "2026-10-25T01:10:00.000Z", "Europe/Berlin"), "2026-10-26T01:30");
  EXPECT_EQ(next("0 3 * * *", "2026-10-25T00:00:00.000Z", "Europe/Berlin"), "2026-10-25T02:00");
}

TEST(Cron, AnExpressionOfEveryHourKeepsItsPaceOverBothChanges) {
  EXPECT_EQ(row("*/30 * * * *", "2026-03-29T00:15:00.000Z", "Europe/Berlin", 4), "00:30 01:00 01:30 02:00");
  EXPECT_EQ(row("*/30 * * * *", "2026-10-24T23:45:00.000Z", "Europe/Berlin", 6),
            "00:00 00:30 01:00 01:30 02:00 02:30");
  EXPECT_EQ(row("0 */1 * * *", "2026-10-24T23:30:00.000Z", "Europe/Berlin", 4), "00:00 01:00 02:00 03:00");
  EXPECT_EQ(next("0 * 1 1 *", "2026-06-01T00:00:00.000Z", "Europe/Berlin"), "2026-12-31T23:00");
}

TEST(Cron, AnExpressionOfEveryHourSkipsItsTimesInAGapOfHalfAnHour) {
  // Lord Howe, 2026-10-04: 02:00 becomes 02:30 at 15:30 UTC of the day before.
  EXPECT_EQ(row("0,15 * * * *", "2026-10-03T14:20:00.000Z", "Australia/Lord_Howe", 4),
            "14:30 14:45 16:00 16:15");
}

TEST(Cron, AnExpressionOfEveryHourHasNoTimeInAGapThatIsFarAhead) {
  // Sao Paulo, 2018-11-04: 00:00 became 01:00 at 03:00 UTC.
  EXPECT_EQ(next("30 * 4 11 *", "2018-10-20T00:00:00.000Z", "America/Sao_Paulo"), "2018-11-04T03:30");
  EXPECT_EQ(next("30 0 4 11 *", "2018-10-20T00:00:00.000Z", "America/Sao_Paulo"), "2018-11-04T03:00");
}

TEST(Cron, ADayThatAZoneLeftOutComesAtItsEnd) {
  // Samoa had no 2011-12-30: from 10:00 UTC on that day it was the 31st.
  EXPECT_EQ(next("0 12 30 12 *", "2011-12-29T00:00:00.000Z", "Pacific/Apia"), "2011-12-30T10:00");
}

TEST(Cron, EveryTimeIsLaterThanTheOneBefore) {
  for (const auto* zone : {"Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia"}) {
    for (const auto* text : {"*/7 * * * *", "10,40 1-3 * * *", "0 0 * * *", "59 23 * * 0"}) {
      const auto cron = Cron::parse(text).value();
      auto time = at("2011-01-01T00:00:00.000Z");
      for (int i = 0; i < 2000; ++i) {
        const auto later = cron.next_after(time, zone).value();
        ASSERT_GT(later, time) << text << " " << zone << " after " << to_rfc3339(time);
        time = later;
      }
    }
  }
}

}  // namespace
}  // namespace isa::agent
