#include "agent/triggers/rules.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using store::TriggerType;

json::value doc(std::string_view text) {
  return json::parse(text).value();
}
Rule rule(TriggerType type, std::string_view text) {
  return parse_rule(type, doc(text).as_object()).value();
}
// The pointer of what is wrong, or "fine".
std::string fault(TriggerType type, std::string_view text) {
  const auto parsed = parse_rule(type, doc(text).as_object());
  if (parsed) return "fine";
  EXPECT_NE(parsed.error().message(), "");
  return parsed.error().param();
}
bool met_by(std::string_view condition, const json::value& data) {
  std::vector<Condition> one{json::parse_as<Condition>(condition).value()};
  EXPECT_TRUE(check_conditions("", one)) << condition;
  return holds(one.front(), data);
}
std::string words(TriggerType type, std::string_view text) {
  const auto parsed = parse_rule(type, doc(text).as_object());
  return parsed ? "fine" : parsed.error().message();
}
bool met(std::string_view condition, std::string_view data) {
  return met_by(condition, doc(data));
}
Timestamp minute(std::int64_t n) {
  return from_millis(1'700'000'000'000 + n * 60'000);
}

TEST(Rules, AnErrorNamesItsFieldOnce) {
  EXPECT_EQ(words(TriggerType::schedule, R"({"every_s":"x"})").find("/every_s"),
            words(TriggerType::schedule, R"({"every_s":"x"})").rfind("/every_s"));
  EXPECT_TRUE(words(TriggerType::schedule, R"({"every_s":"x"})").starts_with("/rule/every_s: "));
}

TEST(Rules, ATimeMayHaveAnOffset) {
  const auto parsed = rule(TriggerType::schedule, R"({"at":"2027-01-01T00:00:00+02:00"})");
  EXPECT_EQ(std::get<ScheduleRule>(parsed).at, parse_rfc3339("2026-12-31T22:00:00Z").value());
  EXPECT_EQ(fault(TriggerType::schedule, R"({"at":"2027-01-01T00:00:00"})"), "/rule/at");
}

TEST(Conditions, EqualsComparesJsonAndNumbersByValue) {
  EXPECT_TRUE(met(R"({"field":"a","op":"equals","value":"x"})", R"({"a":"x"})"));
  EXPECT_FALSE(met(R"({"field":"a","op":"equals","value":"x"})", R"({"a":"X"})"));
  EXPECT_TRUE(met(R"({"field":"a","op":"equals","value":1})", R"({"a":1.0})"));
  EXPECT_FALSE(met(R"({"field":"a","op":"equals","value":1})", R"({"a":"1"})"));
  EXPECT_TRUE(met(R"({"field":"a","op":"equals","value":null})", R"({"a":null})"));
  EXPECT_FALSE(met(R"({"field":"a","op":"equals","value":null})", R"({})"));
  EXPECT_TRUE(met(R"({"field":"a","op":"equals","value":[1,{"b":true}]})", R"({"a":[1,{"b":true}]})"));
  EXPECT_FALSE(met(R"({"field":"a","op":"equals","value":9007199254740993})", R"({"a":9007199254740992})"));
  EXPECT_FALSE(met(R"({"field":"a","op":"equals","value":-1})", R"({"a":18446744073709551615})"));
}

TEST(Conditions, ContainsLooksIntoTextsAndArrays) {
  EXPECT_TRUE(met(R"({"field":"a","op":"contains","value":"err"})", R"({"a":"an error"})"));
  EXPECT_FALSE(met(R"({"field":"a","op":"contains","value":"Err"})", R"({"a":"an error"})"));
  EXPECT_TRUE(met(R"({"field":"a","op":"contains","value":2})", R"({"a":[1,2.0]})"));
  EXPECT_FALSE(met(R"({"field":"a","op":"contains","value":2})", R"({"a":"2"})"));
  EXPECT_FALSE(met(R"({"field":"a","op":"contains","value":"x"})", R"({"a":{"x":1}})"));
}

TEST(Conditions, GreaterAndLessAreOfNumbersAlone) {
  EXPECT_TRUE(met(R"({"field":"a","op":"greater_than","value":5})", R"({"a":5.5})"));
  EXPECT_FALSE(met(R"({"field":"a","op":"greater_than","value":5})", R"({"a":5})"));
  EXPECT_TRUE(met(R"({"field":"a","op":"less_than","value":0})", R"({"a":-1})"));
  EXPECT_FALSE(met(R"({"field":"a","op":"less_than","value":0})", R"({"a":18446744073709551615})"));
  EXPECT_FALSE(met(R"({"field":"a","op":"greater_than","value":5})", R"({"a":"6"})"));
  EXPECT_FALSE(met(R"({"field":"a","op":"less_than","value":5})", R"({})"));
}

TEST(Conditions, RegexIsSearchedForInLinearTime) {
  EXPECT_TRUE(met(R"({"field":"a","op":"regex","value":"^E[0-9]+$"})", R"({"a":"E42"})"));
  EXPECT_TRUE(met(R"({"field":"a","op":"regex","value":"b+"})", R"({"a":"abbc"})"));
  EXPECT_FALSE(met(R"({"field":"a","op":"regex","value":"^b"})", R"({"a":"ab"})"));
  EXPECT_FALSE(met(R"({"field":"a","op":"regex","value":"1"})", R"({"a":1})"));
  // What takes a backtracking engine longer than the sun will shine.
  const json::value text = json::object{{"a", std::string(8'000, 'a') + "!"}};
  EXPECT_FALSE(met_by(R"({"field":"a","op":"regex","value":"^(a+)+$"})", text));
}

TEST(Conditions, ARegexLooksAtTheBeginningOfALongText) {
  const auto ends_after = [](std::size_t bytes) {
    return json::value(json::object{{"a", std::string(bytes, 'a') + "!"}});
  };
  EXPECT_TRUE(met_by(R"({"field":"a","op":"regex","value":"!"})", ends_after(kRegexTextMax - 1)));
  EXPECT_FALSE(met_by(R"({"field":"a","op":"regex","value":"!"})", ends_after(kRegexTextMax)));
}

TEST(Conditions, ARegexThatIsLargeOnceItIsCompiledIsRefused) {
  std::string hostile;
  for (int i = 0; i < 36; ++i) hostile += "[a-z]{0,1000}";
  for (const auto& expression : {hostile + "!", std::string("[a-z]{0,1000}!"), std::string(R"(\\pL{100})")}) {
    const auto text =
        fmt::format(R"({{"event":"e","any":[{{"field":"a","op":"regex","value":"{}"}}]}})", expression);
    EXPECT_EQ(fault(TriggerType::pattern, text), "/rule/any/0/value") << expression;
  }
  EXPECT_TRUE(met(R"x({"field":"a","op":"regex","value":"(?i)[a-z]{2,20} failed in [0-9]+ (s|ms)"})x",
                  R"({"a":"Build failed in 12 s"})"));
}

TEST(Conditions, ARuleHasFewRegexes) {
  const auto rule_with = [](int in_all, int in_any) {
    const auto list = [](int count) {
      std::string text;
      for (int i = 0; i < count; ++i)
        text += fmt::format(R"({}{{"field":"a","op":"regex","value":"b"}})", i == 0 ? "" : ",");
      return text;
    };
    return fmt::format(R"({{"event":"e","all":[{}],"any":[{}]}})", list(in_all), list(in_any));
  };
  EXPECT_EQ(fault(TriggerType::pattern, rule_with(2, 2)), "fine");
  EXPECT_EQ(fault(TriggerType::pattern, rule_with(5, 0)), "/rule");
  EXPECT_EQ(fault(TriggerType::pattern, rule_with(2, 3)), "/rule");
}

TEST(Conditions, FieldsAreNamesOrPointers) {
  EXPECT_TRUE(met(R"({"field":"/a/1/b","op":"equals","value":2})", R"({"a":[0,{"b":2}]})"));
  EXPECT_TRUE(met(R"({"field":"a.b","op":"equals","value":2})", R"({"a.b":2})"));
  EXPECT_TRUE(met(R"({"field":"/x~1y","op":"equals","value":2})", R"({"x/y":2})"));
  EXPECT_FALSE(met(R"({"field":"/a/7","op":"equals","value":2})", R"({"a":[0]})"));
  EXPECT_FALSE(met(R"({"field":"a","op":"equals","value":2})", R"([2])"));
}

// The original took every composite trigger for true.
TEST(Conditions, AllIsAndAnyIsOr) {
  const auto both = rule(TriggerType::pattern, R"({"event":"e","all":[
      {"field":"a","op":"equals","value":1},{"field":"b","op":"equals","value":2}]})");
  EXPECT_TRUE(concerns(both, {"e", doc(R"({"a":1,"b":2})")}));
  EXPECT_FALSE(concerns(both, {"e", doc(R"({"a":1,"b":3})")}));
  EXPECT_FALSE(concerns(both, {"e", doc(R"({"a":0,"b":2})")}));
  const auto either = rule(TriggerType::pattern, R"({"event":"e","any":[
      {"field":"a","op":"equals","value":1},{"field":"b","op":"equals","value":2}]})");
  EXPECT_TRUE(concerns(either, {"e", doc(R"({"a":1})")}));
  EXPECT_TRUE(concerns(either, {"e", doc(R"({"b":2})")}));
  EXPECT_FALSE(concerns(either, {"e", doc(R"({"a":2,"b":1})")}));
  const auto mixed = rule(TriggerType::pattern, R"({"event":"e","all":[{"field":"a","op":"equals","value":1}],
      "any":[{"field":"b","op":"equals","value":2},{"field":"b","op":"equals","value":3}]})");
  EXPECT_TRUE(concerns(mixed, {"e", doc(R"({"a":1,"b":3})")}));
  EXPECT_FALSE(concerns(mixed, {"e", doc(R"({"a":1,"b":4})")}));
  EXPECT_FALSE(concerns(mixed, {"e", doc(R"({"a":0,"b":3})")}));
}

TEST(Rules, AnEventOfAnotherTypeIsNoConcern) {
  const auto pattern = rule(TriggerType::pattern, R"({"event":"e"})");
  EXPECT_TRUE(concerns(pattern, {"e", doc("{}")}));
  EXPECT_FALSE(concerns(pattern, {"E", doc("{}")}));
  EXPECT_FALSE(concerns(rule(TriggerType::schedule, R"({"every_s":5})"), {"e", doc("{}")}));
}

// The original ignored counts.
TEST(Rules, APatternFiresAtTheCountWithinItsMinutesAndBeginsAgain) {
  const auto pattern = rule(TriggerType::pattern, R"({"event":"e","count":3,"within_minutes":10})");
  const Event event{"e", doc("{}")};
  json::object memo;
  std::string story;
  for (const auto at : {0, 1, 2, 3, 4, 20, 25, 30, 31}) {
    const auto seen = see(pattern, memo, event, minute(at), false);
    memo = seen.memo;
    story += seen.is_met ? 'F' : '.';
  }
  EXPECT_EQ(story,
            "..F.....F");  // 3 and 4 are too old at 20, and 20 is at 30.
}

TEST(Rules, WhatCountsWhileATriggerRestsIsRememberedAndBounded) {
  const auto pattern = rule(TriggerType::pattern, R"({"event":"e","count":2,"within_minutes":10})");
  const Event event{"e", doc("{}")};
  json::object memo;
  for (int i = 0; i < 100; ++i) memo = see(pattern, memo, event, minute(i / 50), true).memo;
  EXPECT_EQ(memo.at("times").as_array().size(), 2u);
  EXPECT_TRUE(see(pattern, memo, event, minute(2), false).is_met);
}

TEST(Rules, APatternOfOneFiresAtEachEvent) {
  const auto pattern = rule(TriggerType::pattern, R"({"event":"e"})");
  EXPECT_TRUE(see(pattern, {}, {"e", doc("{}")}, minute(0), false).is_met);
}

struct Moved {
  const char* rule;
  const char* data;
  bool is_met;
};
TEST(Rules, AThresholdIsMetByChangesOfItsSizeAndDirection) {
  const auto data = R"({"current_value":110,"previous_value":100})";
  for (const auto& [text, with, wanted] : std::initializer_list<Moved>{
           {R"({"event":"e","kind":"percentage","value":10})", data, true},
           {R"({"event":"e","kind":"percentage","value":10.5})", data, false},
           {R"({"event":"e","kind":"absolute","value":10,"direction":"up"})", data, true},
           {R"({"event":"e","kind":"absolute","value":10,"direction":"down"})", data, false},
           {R"({"event":"e","kind":"absolute","value":11})", data, false},
           {R"({"event":"e","kind":"percentage","value":50,"direction":"down"})",
            R"({"current_value":1,"previous_value":2})", true},
           {R"({"event":"e","kind":"percentage","value":50,"direction":"up"})",
            R"({"current_value":1,"previous_value":2})", false},
           // Half of -10 upwards.
           {R"({"event":"e","kind":"percentage","value":50,"direction":"up"})",
            R"({"current_value":-5,"previous_value":-10})", true},
           {R"({"event":"e","kind":"absolute","value":1})", R"({"current_value":5,"previous_value":5})",
            false},
           {R"({"event":"e","kind":"absolute","value":1,"current":"/p/now","previous":"/p/was"})",
            R"({"p":{"now":3,"was":1}})", true},
           {R"({"event":"e","kind":"absolute","value":1})", R"({"current_value":"5","previous_value":1})",
            false},
       })
    EXPECT_EQ(see(rule(TriggerType::threshold, text), {}, {"e", doc(with)}, minute(0), false).is_met, wanted)
        << text << with;
}

// The original divided by it.
TEST(Rules, APercentageOfZeroIsNeverMetAndAnAbsoluteChangeFromZeroIs) {
  const Event event{"e", doc(R"({"current_value":7,"previous_value":0})")};
  const auto percentage =
      see(rule(TriggerType::threshold, R"({"event":"e","value":1})"), {}, event, minute(0), false);
  EXPECT_FALSE(percentage.is_met);
  EXPECT_NE(percentage.why_not, "");
  EXPECT_TRUE(see(rule(TriggerType::threshold, R"({"event":"e","kind":"absolute","value":7})"), {}, event,
                  minute(0), false)
                  .is_met);
}

TEST(Rules, WithoutAPreviousNumberTheOneOfTheLastEventCounts) {
  const auto threshold = rule(TriggerType::threshold, R"({"event":"e","kind":"absolute","value":5})");
  json::object memo;
  std::string story;
  for (const auto* data : {R"({"current_value":1})", R"({"current_value":5})", R"({"current_value":10})",
                           R"({"other":1})", R"({"current_value":5})"}) {
    const auto seen = see(threshold, memo, {"e", doc(data)}, minute(0), false);
    memo = seen.memo;
    story += seen.is_met ? 'F' : '.';
  }
  EXPECT_EQ(story, "..F.F");
}

TEST(Rules, ASchedulesTimesFollowFromItsOneWay) {
  const auto times = [](std::string_view text) {
    return std::get<ScheduleRule>(rule(TriggerType::schedule, text));
  };
  const auto origin = minute(0);
  const auto every = times(R"({"every_s":90})");
  EXPECT_EQ(next_time(every, origin, origin).value(), origin + std::chrono::seconds(90));
  EXPECT_EQ(next_time(every, origin + std::chrono::seconds(90), origin).value(),
            origin + std::chrono::seconds(180));
  EXPECT_EQ(next_time(every, origin + std::chrono::seconds(89), origin).value(),
            origin + std::chrono::seconds(90));
  const auto once = times(R"({"at":"2026-01-01T00:00:00Z"})");
  const auto then = parse_rfc3339("2026-01-01T00:00:00Z").value();
  EXPECT_EQ(next_time(once, then - std::chrono::seconds(1), origin).value(), then);
  EXPECT_EQ(next_time(once, then, origin).value(), std::nullopt);
  const auto cron = times(R"({"cron":"0 9 * * *","timezone":"Europe/Berlin"})");
  EXPECT_EQ(next_time(cron, then, origin).value(), parse_rfc3339("2026-01-01T08:00:00Z").value());
}

TEST(Rules, WhatIsWrongIsNamedByItsPointer) {
  using enum TriggerType;
  EXPECT_EQ(fault(schedule, "{}"), "/rule");
  EXPECT_EQ(fault(schedule, R"({"cron":"* * * * *","every_s":5})"), "/rule");
  EXPECT_EQ(fault(schedule, R"({"cron":"* * * *"})"), "/rule/cron");
  EXPECT_EQ(fault(schedule, R"({"cron":"0 0 30 2 *"})"), "/rule/cron");
  EXPECT_EQ(fault(schedule, R"({"cron":"0 9 * * *","timezone":"Mars"})"), "/rule/timezone");
  EXPECT_EQ(fault(schedule, R"({"cron":"0 9 * * *","timezone":"../../etc/passwd"})"), "/rule/timezone");
  EXPECT_EQ(fault(schedule, R"({"every_s":5,"timezone":"UTC"})"), "/rule/timezone");
  EXPECT_EQ(fault(schedule, R"({"every_s":0})"), "/rule/every_s");
  EXPECT_EQ(fault(schedule, R"({"at":"soon"})"), "/rule/at");
  EXPECT_EQ(fault(schedule, R"({"every_s":5,"evry":1})"), "/rule/evry");
  EXPECT_EQ(fault(pattern, "{}"), "/rule/event");
  EXPECT_EQ(fault(pattern, R"({"event":"e","count":2})"), "/rule/within_minutes");
  EXPECT_EQ(fault(pattern, R"({"event":"e","count":0})"), "/rule/count");
  EXPECT_EQ(fault(pattern, R"({"event":"e","all":[{"field":"","op":"equals","value":1}]})"),
            "/rule/all/0/field");
  EXPECT_EQ(fault(pattern, R"({"event":"e","any":[{"field":"a","op":"is","value":1}]})"), "/rule/any/0/op");
  EXPECT_EQ(fault(pattern, R"({"event":"e","any":[{"field":"a","op":"regex","value":"(a"}]})"),
            "/rule/any/0/value");
  EXPECT_EQ(fault(pattern, R"({"event":"e","any":[{"field":"a","op":"regex","value":"(?=a)b"}]})"),
            "/rule/any/0/value");
  EXPECT_EQ(
      fault(pattern, R"({"event":"e","any":[{"field":"a","op":"regex","value":"((a{1000}){1000}){1000}"}]})"),
      "/rule/any/0/value");
  EXPECT_EQ(fault(pattern, R"({"event":"e","any":[{"field":"a","op":"less_than","value":"5"}]})"),
            "/rule/any/0/value");
  EXPECT_EQ(fault(pattern, R"({"event":"e","any":[{"field":"/~9","op":"equals","value":"5"}]})"),
            "/rule/any/0/field");
  EXPECT_EQ(fault(threshold, R"({"event":"e"})"), "/rule/value");
  EXPECT_EQ(fault(threshold, R"({"event":"e","value":-1})"), "/rule/value");
  EXPECT_EQ(fault(threshold, R"({"event":"e","value":1,"kind":"ratio"})"), "/rule/kind");
  EXPECT_EQ(fault(webhook, "{}"), "fine");
  EXPECT_EQ(fault(webhook, R"({"secret":"s"})"), "/rule/secret");
}

}  // namespace
}  // namespace isa::agent
