#include "sdk/structured_output.h"

#include <gtest/gtest.h>

namespace isa::sdk {
namespace {

json::object schema(std::string_view text) {
  return json::parse(text).value().get_object();
}
const json::object kPerson =
    schema(R"({"type":"object","required":["name","age"],"additionalProperties":false,
  "properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0}}})");

TEST(StructuredOutput, AnAnswerThatFitsIsItsValue) {
  EXPECT_EQ(structured_output(kPerson, R"({"name":"Ada","age":36})").value().at("age"), 36);
  EXPECT_TRUE(structured_output(kPerson, "Here it is:\n```json\n{\"name\":\"Ada\",\"age\":36}\n```\nDone."));
  EXPECT_TRUE(structured_output({}, "[1,2]"));
}

TEST(StructuredOutput, AnAnswerThatDoesNotFitSaysWhereAndWhy) {
  const auto wrong = structured_output(kPerson, R"({"name":"Ada","age":-1})");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message().find("age"), std::string::npos) << wrong.error().message();
  EXPECT_FALSE(structured_output(kPerson, R"({"name":"Ada"})"));
  EXPECT_FALSE(structured_output(kPerson, R"({"name":"Ada","age":1,"x":1})"));
  EXPECT_FALSE(structured_output(kPerson, "I am sorry."));
}

TEST(StructuredOutput, JsonMayHoldAFence) {
  EXPECT_EQ(structured_output({}, "[\"```\\n1\\n```\"]").value().at(0), "```\n1\n```");
}

TEST(StructuredOutput, PatternsAndFormatsAreHeldTo) {
  const auto ticket = schema(R"({"properties":{"id":{"pattern":"^T-\\d+$"},"due":{"format":"date"}}})");
  EXPECT_TRUE(check_output_schema(ticket));
  EXPECT_TRUE(structured_output(ticket, R"({"id":"T-12","due":"2026-11-29"})"));
  EXPECT_FALSE(structured_output(ticket, R"({"id":"12"})"));
  EXPECT_FALSE(structured_output(ticket, R"({"due":"soon"})"));
}

TEST(StructuredOutput, TheProviderIsToldInItsOwnWay) {
  const auto format = structured_output_format(kPerson).value();
  EXPECT_EQ(format.at("type"), "json_schema");
  EXPECT_EQ(format.at("json_schema").at("schema"), json::value(kPerson));
  EXPECT_EQ(format.at("json_schema").at("strict"), true);
  EXPECT_EQ(*own_output_schema(format), kPerson);

  const auto open = structured_output_format(schema(R"({"type":"object","required":["n"]})")).value();
  EXPECT_FALSE(open.at("json_schema").as_object().contains("strict")) << "strict mode would refuse it";
  EXPECT_FALSE(structured_output_format({})) << "anything fits";

  auto of_somebody = format;
  of_somebody["json_schema"].as_object()["name"] = "person";
  EXPECT_EQ(own_output_schema(of_somebody), nullptr);
  EXPECT_EQ(own_output_schema(std::nullopt), nullptr);
}

TEST(StructuredOutput, ASchemaMayReferToItselfOnly) {
  EXPECT_TRUE(check_output_schema(schema(
      R"({"definitions":{"n":{"type":"object","properties":{"next":{"$ref":"#/definitions/n"}}}},
          "$ref":"#/definitions/n"})")));
  EXPECT_FALSE(check_output_schema(schema(R"({"$ref":"http://example.com/schema"})")));
  EXPECT_FALSE(check_output_schema(schema(R"({"$ref":"file:///etc/passwd"})")));
  EXPECT_FALSE(check_output_schema(schema(R"({"$ref":"#"})")));
}

TEST(StructuredOutput, ASchemaThatCannotBeCheckedIsRefused) {
  EXPECT_FALSE(check_output_schema(schema(R"({"type":12})")));
  EXPECT_FALSE(check_output_schema(schema(R"({"properties":{"a":{"type":"string","pattern":"(?=a)b"}}})")));
  EXPECT_FALSE(check_output_schema(schema(R"({"$ref":"#/definitions/none"})")));
  EXPECT_FALSE(check_output_schema(
      schema(R"({"definitions":{"a":{"$ref":"#/definitions/a"}},"$ref":"#/definitions/a"})")));
}

TEST(StructuredOutput, ASchemaThatStandsInItsOwnPlaceIsRefused) {
  EXPECT_FALSE(check_output_schema(schema(
      R"({"definitions":{"a":{"allOf":[{"$ref":"#/definitions/b"}]},"b":{"not":{"$ref":"#/definitions/a"}}}})")));
  EXPECT_TRUE(check_output_schema(schema(
      R"({"definitions":{"a":{"properties":{"b":{"anyOf":[{"$ref":"#/definitions/a"},{"type":"null"}]}}}}})")));
}

}  // namespace
}  // namespace isa::sdk
