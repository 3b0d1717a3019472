#include "sdk/mcp/tool_name.h"

#include <gtest/gtest.h>

#include <regex>

namespace isa::sdk::mcp {
namespace {

TEST(ToolName, APlainOneIsReadable) {
  EXPECT_EQ(provider_name({"files", "read_text_file"}), "mcp__files__read_text_file");
  EXPECT_EQ(provider_name({"a-b", "c-d"}), "mcp__a-b__c-d");
}

TEST(ToolName, EveryOneIsWhatProvidersTakeAndIsFoundAgain) {
  const std::regex allowed("[a-zA-Z0-9_-]{1,64}");
  const std::vector<ToolRef> tools = {{"files", "read"},
                                      {"files", "read.it"},
                                      {"files", "read_it"},
                                      {"files", "read/it"},
                                      {"a", "b__c"},
                                      {"a__b", "c"},
                                      {"a_", "_b"},
                                      {"a", "__b"},
                                      {"a_", "b"},
                                      {"a", "_b"},
                                      {"x.y", "z"},
                                      {"x_y", "z"},
                                      {"s", std::string(128, 't')},
                                      {"s", std::string(127, 't') + "u"},
                                      {std::string(64, 's'), "t"},
                                      {std::string(63, 's') + "x", "t"},
                                      {"s", "t\xC3\xA9"},
                                      {"s", "t"},
                                      {"s", provider_name({"s", "t.u"}).substr(8)},
                                      {"s", "t.u"}};
  ToolNames names;
  for (const auto& tool : tools) {
    const auto name = names.add(tool);
    ASSERT_TRUE(name) << tool.to_string();
    EXPECT_TRUE(std::regex_match(*name, allowed)) << *name;
    EXPECT_EQ(*name, provider_name(tool));
  }
  for (const auto& tool : tools) {
    const auto* found = names.find(provider_name(tool));
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(*found, tool);
  }
  EXPECT_EQ(names.find("mcp__files__other"), nullptr);
}

TEST(ToolName, APatternAllowsWhatItNamesAndNothingElse) {
  EXPECT_TRUE(allows("mcp:files/read", "mcp:files/read"));
  EXPECT_TRUE(allows("mcp:files/*", "mcp:files/read"));
  EXPECT_TRUE(allows("mcp:files/read_*", "mcp:files/read_text"));
  EXPECT_TRUE(allows("mcp:files/*_text", "mcp:files/read_text"));
  EXPECT_TRUE(allows("mcp:files/*a*b*", "mcp:files/xxaxxbxx"));
  EXPECT_FALSE(allows("mcp:files/read_*", "mcp:files/write_read_"));
  EXPECT_FALSE(allows("mcp:files/read", "mcp:files/read_text"));
  EXPECT_FALSE(allows("mcp:files/*", "mcp:files2/read"));
  EXPECT_FALSE(allows("mcp:files/*", "read_file"));
  EXPECT_FALSE(allows("*", "read_file"));
  EXPECT_TRUE(allows("read_file", "read_file"));
  EXPECT_FALSE(allows("read_file", "mcp:files/read_file"));
  // In time: no pattern is tried in every way that it could fit.
  EXPECT_FALSE(allows("mcp:s/*a*a*a*a*a*a*a*a*a*a*b", "mcp:s/" + std::string(128, 'a')));
}

}  // namespace
}  // namespace isa::sdk::mcp
