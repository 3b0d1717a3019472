#include "sdk/tools/time_zone.h"

#include "base/testing.h"
#include "sdk/tool.h"
#include "sdk/tools/posix_zone.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace isa::sdk {
namespace {

Timestamp at(std::string_view text) {
  return parse_rfc3339(text).value();
}

std::string shown(std::string_view zone, std::string_view time) {
  const auto offset = offset_of(zone, at(time));
  if (!offset) return "error";
  return fmt::format("{} {}", offset->east.count() / 60, offset->abbreviation);
}

std::string by_rule(std::string_view rule, std::string_view time) {
  const auto zone = PosixZone::parse(rule);
  if (!zone) return "error";
  const auto offset = zone->at(to_millis(at(time)) / 1000);
  return fmt::format("{} {}", offset.east.count() / 60, offset.abbreviation);
}

TEST(TimeZone, OffsetsAndUtcNeedNoDatabase) {
  EXPECT_EQ(shown("UTC", "2026-07-01T00:00:00Z"), "0 UTC");
  EXPECT_EQ(shown("+05:30", "2026-07-01T00:00:00Z"), "330 UTC+05:30");
  EXPECT_EQ(shown("-08:00", "2026-07-01T00:00:00Z"), "-480 UTC-08:00");
}

TEST(TimeZone, KnowsSummerTimeFromTheDatabase) {
  if (!std::filesystem::exists("/usr/share/zoneinfo/Europe/Berlin")) GTEST_SKIP() << "no zone database here";
  EXPECT_EQ(shown("Europe/Berlin", "2026-07-01T00:00:00Z"), "120 CEST");
  EXPECT_EQ(shown("Europe/Berlin", "2026-03-29T00:59:59Z"), "60 CET");
  EXPECT_EQ(shown("Europe/Berlin", "2026-03-29T01:00:00Z"), "120 CEST");
  EXPECT_EQ(shown("Europe/Berlin", "2026-10-25T01:00:00Z"), "60 CET");
  EXPECT_EQ(shown("Europe/Berlin", "2080-07-01T00:00:00Z"), "120 CEST");  // Past every table: by the rule.
}

TEST(TimeZone, RefusesWhatIsNone) {
  for (const auto* zone :
       {"", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "+25:00", "zone.tab", "Europe"})
    EXPECT_EQ(shown(zone, "2026-07-01T00:00:00Z"), "error") << zone;
}

TEST(TimeZone, RuleHoldsOnBothHalvesOfTheEarth) {
  EXPECT_EQ(by_rule("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z"), "60 CET");
  EXPECT_EQ(by_rule("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z"), "120 CEST");
  EXPECT_EQ(by_rule("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T00:59:59Z"), "120 CEST");
  EXPECT_EQ(by_rule("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z"), "60 CET");
  EXPECT_EQ(by_rule("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-01T00:00:00Z"), "660 AEDT");
  EXPECT_EQ(by_rule("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-07-01T00:00:00Z"), "600 AEST");
  EXPECT_EQ(by_rule("<+0330>-3:30", "2026-07-01T00:00:00Z"), "210 +0330");
}

TEST(TimeZone, MalformedRulesAreNone) {
  for (const auto* rule : {"", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "<CET-1",
                           "CET-1CEST,M3.5.0,M10.5.0x"})
    EXPECT_EQ(by_rule(rule, "2026-07-01T00:00:00Z"), "error") << rule;
}

TEST(TimeTool, TellsTheTimeAsAsked) {
  ToolBox box(plain_tools(), {"get_current_time"});
  const auto call = [&](json::object arguments) {
    const auto part = Part::make_tool_call("1", "get_current_time", json::serialize(arguments));
    return isa::testing::run(box.call(part, Deadline::never()));
  };

  EXPECT_EQ(call({{"format", "%Z%z"}, {"timezone", "+02:00"}}).text, "UTC+02:00+0200");
  EXPECT_EQ(call({}).text.substr(0, 2), "20");
  EXPECT_EQ(call({{"format", ""}}).text, "");
  EXPECT_TRUE(call({{"timezone", "nowhere"}}).is_error);
}

}  // namespace
}  // namespace isa::sdk
