#include "sdk/team/shared_state.h"

#include "base/testing.h"

#include <gtest/gtest.h>

namespace isa::sdk::team {
namespace {

ToolOutput call(SharedState& state, std::string_view name, std::string_view arguments) {
  const auto tools = state.tools();
  for (const auto& tool : tools) {
    if (tool.spec.name != name) continue;
    auto answer = isa::testing::run(tool.call(json::parse(arguments).value().get_object()));
    return std::move(answer.output);
  }
  return {.text = "no such tool", .is_error = true};
}

TEST(SharedState, KeepsWhatOneAgentSetForTheOthers) {
  SharedState state;
  EXPECT_FALSE(call(state, "shared_state_set", R"({"key":"plan","value":{"steps":[1,2]}})").is_error);
  EXPECT_EQ(call(state, "shared_state_get", R"({"key":"plan"})").text, R"({"steps":[1,2]})");
  EXPECT_NE(call(state, "shared_state_list", "{}").text.find("plan"), std::string::npos);
  EXPECT_FALSE(call(state, "shared_state_set", R"({"key":"plan","value":null})").is_error);
  const auto missing = call(state, "shared_state_get", R"({"key":"plan"})");
  EXPECT_TRUE(missing.is_error);
  EXPECT_NE(missing.text.find("shared_state_list"), std::string::npos);
}

TEST(SharedState, BadArgumentsAreAnAnswerThatNamesTheField) {
  SharedState state;
  EXPECT_NE(call(state, "shared_state_set", R"({"key":"a"})").text.find("/value"), std::string::npos);
  EXPECT_TRUE(call(state, "shared_state_set", R"({"key":"","value":1})").is_error);
  EXPECT_TRUE(call(state, "shared_state_get", R"({"key":1})").is_error);
}

TEST(SharedState, IsBoundedInKeysValuesAndBytes) {
  SharedState state;
  EXPECT_FALSE(state.set("big", json::value(std::string(SharedState::kValueMax, 'x'))));
  EXPECT_FALSE(state.set(std::string(SharedState::kKeyMax + 1, 'k'), 1));
  for (std::size_t i = 0; i < SharedState::kKeysMax; ++i) ASSERT_TRUE(state.set("k" + std::to_string(i), 1));
  EXPECT_FALSE(state.set("one more", 1));
  EXPECT_TRUE(state.set("k0", 2));
  EXPECT_EQ(state.entries().size(), SharedState::kKeysMax);

  SharedState full;
  const json::value part(std::string(SharedState::kValueMax - 100, 'x'));
  std::size_t kept = 0;
  while (kept < 100 && full.set("k" + std::to_string(kept), part)) ++kept;
  EXPECT_EQ(kept, SharedState::kBytesMax / SharedState::kValueMax);
  EXPECT_TRUE(full.set("k0", 1));
  EXPECT_TRUE(full.set("again", part));
}

TEST(SharedState, WhatARunBeginsWithIsBoundedToo) {
  EXPECT_TRUE(SharedState::from({{"a", 1}}));
  EXPECT_EQ(SharedState::from({{"a", std::string(SharedState::kValueMax, 'x')}}).error().param(),
            "/shared_state");
}

}  // namespace
}  // namespace isa::sdk::team
