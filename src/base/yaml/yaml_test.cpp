#include "base/yaml/yaml.h"

#include <gtest/gtest.h>

namespace isa {
namespace {

TEST(Yaml, ScalarsHaveTypesOrAreTheTextThatWasWritten) {
  const std::string text = "a: 1.0\nb: true\nc: \"2\"\nd:\n";
  EXPECT_EQ(json::serialize(parse_yaml(text).value()), R"({"a":1.0,"b":true,"c":"2","d":null})");
  EXPECT_EQ(json::serialize(parse_yaml(text, YamlScalars::text).value()),
            R"({"a":"1.0","b":"true","c":"2","d":null})");
}

TEST(Yaml, AliasesCannotMakeADocumentOfBillionsOfValues) {
  std::string text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char name = 'b'; name <= 'j'; ++name) {
    const std::string before = "*" + std::string(1, static_cast<char>(name - 1)) + ",";
    text += fmt::format("{}: &{} [{}{}{}{}{}{}{}{}{}]\n", name, name, before, before, before, before, before,
                        before, before, before, before);
  }
  EXPECT_FALSE(parse_yaml(text));
}

TEST(Yaml, DepthIsBounded) {
  EXPECT_FALSE(parse_yaml(std::string(100, '[') + std::string(100, ']')));
  EXPECT_FALSE(parse_yaml(std::string(20'000, '[')));
  EXPECT_TRUE(parse_yaml(std::string(40, '[') + std::string(40, ']')));
}

TEST(Yaml, AnErrorSaysWhere) {
  EXPECT_TRUE(parse_yaml("a: 1\nb: [").error().message().starts_with("line "));
  EXPECT_EQ(parse_yaml("a: 1\na: 2").error().message(), "line 2: the key 'a' is there twice");
  EXPECT_TRUE(parse_yaml("a: 1\n b: 2").error().message().starts_with("line 2, column 3: "));
}

TEST(Yaml, WhatIsNotClosedIsMissedAtTheEndOfTheText) {
  for (const std::string text : {"a: 1\nb: [", "a: 1\nb: [\n", "a: 1\nb: {\n\n  \n"})
    EXPECT_TRUE(parse_yaml(text).error().message().starts_with("line 2, at the end: ")) << text;
}

TEST(Yaml, ASecondDocumentIsNotLeftOutInSilence) {
  for (const std::string text : {"a: 1\n---\nb: 2\n", "a: 1\n...\nb: 2\n"})
    EXPECT_TRUE(parse_yaml(text).error().message().starts_with("line 3: a second document")) << text;
  for (const std::string text : {"---\na: 1\n---\n", "a: 1\n...\n", "a: 1\n---\n# Nothing.\n"})
    EXPECT_EQ(json::serialize(parse_yaml(text).value()), R"({"a":1})") << text;
  EXPECT_TRUE(parse_yaml("").value().is_null());
}

TEST(Yaml, ATextAtWhichTheParserStandsStillIsReadToAnEnd) {
  for (const auto* text : {"]", "}", "a: 1\n]", "---\n]\n---\n}", ", ]"}) (void)parse_yaml(text);
}

}  // namespace
}  // namespace isa
