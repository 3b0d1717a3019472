// What the official tests (suite_test.cpp) do not ask: what is refused, what is said, how much work is done.
#include "sdk/schema/schema.h"

#include "sdk/schema/format.h"
#include "sdk/schema/strict_mode.h"

#include <gtest/gtest.h>

namespace isa::sdk::schema {
namespace {

json::value parsed(std::string_view text) {
  return json::parse(text).value();
}

std::string refusal(std::string_view schema) {
  const auto compiled = Schema::compile(parsed(schema));
  return compiled ? "" : compiled.error().message();
}

// What does not fit, or what the check failed with.
std::vector<std::string> violations(std::string_view schema, std::string_view value) {
  const auto compiled = Schema::compile(parsed(schema));
  if (!compiled) return {compiled.error().message()};
  const auto found = compiled->check(parsed(value), 5);
  return found ? *found : std::vector<std::string>{found.error().message()};
}

using Texts = std::vector<std::string>;

TEST(JsonSchema, EveryViolationSaysWhereAndWhat) {
  const auto* schema =
      R"({"type":"object","required":["name","tags"],"additionalProperties":false,"properties":{
    "name":{"type":"string","minLength":2},"age":{"type":"integer","minimum":0},
    "tags":{"type":"array","items":{"enum":["a","b"]},"maxItems":1,"uniqueItems":true}}})";
  EXPECT_EQ(violations(schema, R"({"name":"Ada","age":1,"tags":["a"]})"), Texts());
  EXPECT_EQ(violations(schema, R"({"name":"A","age":-1,"x":1})"),
            (Texts{R"(<root>: lacks "tags")", "/name: must have at least 2 characters",
                   "/age: must be at least 0", "/x: is no property that is allowed"}));
  EXPECT_EQ(violations(schema, R"({"name":"Ada","tags":["c","c"]})"),
            (Texts{"/tags: must have at most 1 items", "/tags/1: is there twice; the items must differ",
                   R"(/tags/0: must be one of ["a","b"])", R"(/tags/1: must be one of ["a","b"])"}));
  EXPECT_EQ(violations(schema, "[]"), Texts{R"(<root>: must be of the type "object")"});
}

TEST(JsonSchema, OfAlternativesTheClosestIsNamed) {
  const auto* schema = R"({"properties":{"who":{"anyOf":[{"type":"null"},
    {"type":"object","properties":{"age":{"minimum":0}}}]}}})";
  EXPECT_EQ(violations(schema, R"({"who":{"age":-1}})"),
            Texts{"/who: fits none of the alternatives; the closest says: /who/age: must be at least 0"});
  EXPECT_EQ(violations(R"({"oneOf":[{"type":"integer"},{"minimum":1}]})", "2"),
            Texts{"<root>: fits 2 of the alternatives in 'oneOf', instead of one"});
}

TEST(JsonSchema, AKeywordOfTheWrongShapeIsRefusedWithItsPlace) {
  EXPECT_EQ(refusal(R"({"properties":{"a":{"type":12}}})"),
            "/properties/a/type: expected a type of JSON Schema, or an array of them, found an integer");
  for (const auto* schema :
       {R"({"type":"text"})", R"({"minLength":-1})", R"({"minLength":1.5})", R"({"multipleOf":0})",
        R"({"required":"a"})", R"({"items":1})", R"({"allOf":[]})", R"({"properties":{"a":1}})",
        R"({"exclusiveMinimum":true})", R"({"format":1})", R"({"$anchor":"a/b"})"})
    EXPECT_NE(refusal(schema), "") << schema;
  EXPECT_EQ(refusal(R"({"properties":{"type":{"type":"string"}},"enum":[{"type":12}],"x-mine":{"type":12}})"),
            "")
      << "only schemas are read as schemas";
}

TEST(JsonSchema, ReferencesLeadToTheSchemaItselfAndNowhereElse) {
  EXPECT_EQ(refusal(R"({"$ref":"http://example.com/schema"})"),
            "/$ref: there is nothing at 'http://example.com/schema'; a schema may refer only to itself");
  EXPECT_NE(refusal(R"({"$ref":"file:///etc/passwd"})"), "");
  EXPECT_NE(refusal(R"({"$ref":"#/$defs/none"})"), "");
  EXPECT_NE(refusal(R"({"$dynamicRef":"#a"})").find("not supported; use $ref"), std::string::npos);
  const auto* anchor = R"({"$ref":"#n","$defs":{"x":{"$anchor":"n","type":"null"}}})";
  EXPECT_EQ(violations(anchor, "null"), Texts());
  EXPECT_EQ(violations(anchor, "1").size(), 1u);
  const auto* by_id =
      R"({"$id":"http://e.org/root","$ref":"leaf","$defs":{"x":{"$id":"leaf","type":"null"}}})";
  EXPECT_EQ(violations(by_id, "null"), Texts());
  EXPECT_EQ(violations(by_id, "1").size(), 1u);
}

TEST(JsonSchema, ACircleInOnePlaceIsRefusedAndATreeIsNot) {
  for (const auto* schema :
       {R"({"$ref":"#"})", R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}})",
        R"({"$defs":{"a":{"not":{"$ref":"#/$defs/a"}}}})", R"({"if":{"$ref":"#"}})",
        R"({"dependentSchemas":{"a":{"$ref":"#"}}})"})
    EXPECT_NE(refusal(schema).find("without an end"), std::string::npos) << schema << refusal(schema);
  const auto* tree = R"({"type":"object","properties":{"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}}})";
  EXPECT_EQ(violations(tree, R"({"next":{"next":null}})"), Texts());
  EXPECT_EQ(violations(tree, R"({"next":{"next":1}})").size(), 1u);
}

TEST(JsonSchema, BesideAReferenceDraftSevenSaysNothing) {
  const auto with = [](std::string_view draft) {
    return fmt::format(
        R"({{"$schema":"{}","$ref":"#/$defs/s","maxLength":1,"$defs":{{"s":{{"type":"string"}}}}}})", draft);
  };
  EXPECT_EQ(violations(with("http://json-schema.org/draft-07/schema#"), R"("abc")"), Texts());
  EXPECT_EQ(violations(with("https://json-schema.org/draft/2020-12/schema"), R"("abc")").size(), 1u);
}

TEST(JsonSchema, ASchemaThatSaysNoDraftMayUseTheWordsOfBoth) {
  EXPECT_EQ(violations(R"({"items":[{"type":"integer"}],"additionalItems":false})", R"([1,2])").size(), 1u);
  EXPECT_EQ(violations(R"({"prefixItems":[{"type":"integer"}],"items":false})", R"([1,2])").size(), 1u);
  EXPECT_EQ(violations(R"({"dependencies":{"a":["b"]}})", R"({"a":1})"), Texts{R"(<root>: lacks "b")"});
  EXPECT_EQ(violations(R"({"dependentRequired":{"a":["b"]}})", R"({"a":1})"), Texts{R"(<root>: lacks "b")"});
}

TEST(JsonSchema, PatternsAreThoseOfEcmaScript) {
  const auto found = [](std::string_view pattern, std::string_view text) {
    const auto parsed_pattern = Pattern::parse(pattern);
    EXPECT_TRUE(parsed_pattern) << parsed_pattern.error().message();
    return parsed_pattern && parsed_pattern->is_found_in(text);
  };
  EXPECT_TRUE(found("b+", "abbc"));
  EXPECT_FALSE(found("^b+$", "abbc"));
  EXPECT_FALSE(found("^a$", "a\n"));
  EXPECT_FALSE(found("^.$", "\xE2\x80\xA8")) << "a line separator ends a line";
  EXPECT_TRUE(found("^.$", "\xF0\x9F\x91\x8B"));
  EXPECT_TRUE(found(R"(^\s[\s]\S[^\S]$)", "\xC2\xA0\xEF\xBB\xBFx\x0B"));
  EXPECT_TRUE(found(R"(^\u00fc\u{1F44B}\uD83D\uDC4B\x41\cJ\/$)",
                    "\xC3\xBC\xF0\x9F\x91\x8B\xF0\x9F\x91\x8B"
                    "A\n/"));
  EXPECT_TRUE(found(R"(^(?<year>\d{4})-(?:\d\d)$)", "2026-11"));
  EXPECT_TRUE(found(R"(^\p{Letter}\p{Lu}\p{Script=Greek}\P{L}$)",
                    "aB\xCE\xB1"
                    "1"));
  EXPECT_TRUE(found(R"([\w-]+@[a-z\d.-]+)", "a-b@c.de"));
  EXPECT_TRUE(found("^[^]$", "\n"));
  EXPECT_FALSE(found("[]", "a"));
  EXPECT_TRUE(found("^a{,2}}$", "a{,2}}"));
  EXPECT_TRUE(found("^[[]]$", "[]"));
  EXPECT_FALSE(found("(a+)+$", std::string(10'000, 'a') + "b"))
      << "it would take a backtracking matcher forever";
}

TEST(JsonSchema, APatternThatTakesMoreThanLinearTimeSaysWhichAndWhy) {
  EXPECT_EQ(
      refusal(R"({"properties":{"a":{"pattern":"^(?!x)a"}}})"),
      "/properties/a/pattern: the pattern '^(?!x)a' cannot be used: it looks ahead or behind, with '(?!'");
  EXPECT_NE(refusal(R"js({"patternProperties":{"(?<=x)":{}}})js").find("looks ahead or behind"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"pattern":"(a)\\1"})").find("back-reference"), std::string::npos);
  EXPECT_NE(refusal(R"({"pattern":"(?<n>a)\\k<n>"})").find("back-reference"), std::string::npos);
  EXPECT_NE(refusal(R"({"pattern":"a\\Z"})").find("no escape of ECMA-262"), std::string::npos);
  for (const auto* pattern : {"(", "[", "a**", "\\\\", "(?i)a", "[b-a]", "\\\\x4", "\\\\uD800", "\\\\p{Nope}",
                              "\\\\p", "((a{1000}){1000}){1000}", "\\\\c"})
    EXPECT_NE(refusal(fmt::format(R"({{"pattern":"{}"}})", pattern)), "") << pattern;
}

TEST(JsonSchema, FormatsAreChecked) {
  const std::pair<std::string_view, std::pair<std::string_view, std::string_view>> cases[] = {
      {"date", {"2024-02-29", "2023-02-29"}},
      {"time", {"23:59:60Z", "12:00:60Z"}},
      {"date-time", {"2026-11-29T01:02:03.5+01:00", "2026-11-29 01:02:03Z"}},
      {"duration", {"P1Y2M3DT4H", "P1W1D"}},
      {"email", {"ada@example.org", "ada@@example.org"}},
      {"hostname", {"a-b.example", "-a.example"}},
      {"ipv4", {"127.0.0.1", "127.0.0.256"}},
      {"ipv6", {"::1", "12345::"}},
      {"uri", {"https://example.org/a?b#c", "/only/a/path"}},
      {"uuid", {"2EB8AA08-aa98-11ea-b4aa-73b441d16380", "2eb8aa08aa9811eab4aa73b441d16380"}},
      {"no-such-format", {"anything", ""}}};
  for (const auto& [format, texts] : cases) {
    EXPECT_TRUE(has_format(format, texts.first)) << format;
    EXPECT_EQ(has_format(format, texts.second), format == "no-such-format") << format;
  }
  EXPECT_EQ(violations(R"({"format":"date"})", R"("tomorrow")"),
            Texts{R"(<root>: must have the format "date")"});
  EXPECT_EQ(violations(R"({"format":"date"})", "7"), Texts()) << "of strings only";
}

TEST(JsonSchema, WorkIsBounded) {
  // Each definition looks at the next twice: 2^40 times at the last.
  std::string definitions;
  for (int i = 0; i < 40; ++i)
    definitions +=
        fmt::format(R"("d{0}":{{"allOf":[{{"$ref":"#/$defs/d{1}"}},{{"$ref":"#/$defs/d{1}"}}]}},)", i, i + 1);
  const auto schema =
      fmt::format(R"({{"$ref":"#/$defs/d0","$defs":{{{}"d40":{{"type":"null"}}}}}})", definitions);
  EXPECT_EQ(violations(schema, "null"),
            Texts{"it could not be checked: it takes too much work with this schema; simplify the schema"});
}

TEST(JsonSchema, SoAreThePatternsOfASchema) {
  std::string patterns;
  for (int i = 0; i < 200; ++i) patterns += fmt::format(R"("{}[ab]{{900}}":true,)", i);
  EXPECT_NE(
      refusal(fmt::format(R"({{"patternProperties":{{{}"x":true}}}})", patterns)).find("too large together"),
      std::string::npos);
}

TEST(JsonSchema, StrictModeTakesClosedObjectsOfKnownWordsOnly) {
  const auto strict = [](std::string_view text) { return fits_strict_mode(parsed(text).get_object()); };
  EXPECT_TRUE(strict(R"({"type":"object","additionalProperties":false,"required":["a","b","c"],"properties":{
    "a":{"type":["string","null"],"pattern":"^x","format":"date","description":"d"},
    "b":{"type":"array","minItems":1,"items":{"$ref":"#/$defs/leaf"}},
    "c":{"anyOf":[{"type":"number","minimum":0},{"type":"boolean"}]}},
    "$defs":{"leaf":{"type":"string","enum":["x","y"]}}})"));
  for (
      const auto* refused :
      {R"({})", R"({"type":"array","items":{"type":"string"}})",
       R"({"type":"object","properties":{},"required":[]})",
       R"({"type":"object","additionalProperties":false,"properties":{"a":{"type":"string"}},"required":[]})",
       R"({"type":"object","additionalProperties":false,"properties":{"a":{"type":"string"}}})",
       R"({"type":"object","additionalProperties":false,"properties":{"a":{}},"required":["a"]})",
       R"({"type":"object","additionalProperties":false,"properties":{"a":true},"required":["a"]})",
       R"({"type":"object","additionalProperties":false,"properties":{"a":{"type":"object"}},"required":["a"]})",
       R"({"type":"object","additionalProperties":false,"properties":{"a":{"type":"array"}},"required":["a"]})",
       R"({"type":"object","additionalProperties":false,"properties":{"a":{"type":"string","minLength":1}},"required":["a"]})",
       R"({"type":"object","additionalProperties":false,"properties":{"a":{"type":"string","format":"uri"}},"required":["a"]})",
       R"({"type":"object","additionalProperties":false,"properties":{},"required":[],"allOf":[{}]})",
       R"({"type":"object","additionalProperties":false,"properties":{},"required":[],"anyOf":[{"type":"object"}]})"})
    EXPECT_FALSE(strict(refused)) << refused;
}

}  // namespace
}  // namespace isa::sdk::schema
