#include "agent/open_calls.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using sdk::Event;
using sdk::EventType;

// Of the task of a team; of a single agent without.
Event call(EventType type, std::string_view id, std::string_view task = "") {
  Event event{type, "", {{"tool_use_id", id}, {"tool", "t"}}};
  if (task.empty()) return event;
  event.metadata["agent"] = "a";
  event.metadata["task_id"] = task;
  return event;
}

TEST(OpenCallsTest, ACallIsOpenUntilItsResult) {
  OpenCalls calls;
  calls.see(call(EventType::tool_use, "1"));
  calls.see(call(EventType::tool_use, "2"));
  calls.see(call(EventType::tool_result, "1"));
  const auto left = calls.cut_off();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].metadata.at("tool_use_id").as_string(), "2");
  EXPECT_FALSE(left[0].metadata.contains("agent"));
  calls.see(left[0]);
  EXPECT_TRUE(calls.cut_off().empty());
}

TEST(OpenCallsTest, AMembersResultDoesNotAnswerTheCallOfAnotherThatHasTheSameId) {
  OpenCalls calls;
  calls.see(call(EventType::tool_use, "1", "x"));
  calls.see(call(EventType::tool_use, "1", "y"));
  calls.see(call(EventType::tool_result, "1", "x"));

  const auto left = calls.cut_off();

  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].metadata.at("task_id").as_string(), "y");
  EXPECT_EQ(left[0].metadata.at("agent").as_string(), "a");
  EXPECT_TRUE(calls.cut_off({{"a", "y", "1"}}).empty());
  EXPECT_EQ(calls.cut_off({{"a", "x", "1"}}).size(), 1U);
}

TEST(OpenCallsTest, AResultThatDoesNotSayWhoseItIsAnswersTheCallAllTheSame) {
  OpenCalls calls;
  calls.see(call(EventType::tool_use, "1", "x"));
  calls.see(call(EventType::tool_result, "1"));
  EXPECT_TRUE(calls.cut_off().empty());
}

TEST(OpenCallsTest, WhatNamesNoCallOrIsOddlyNamedIsPassedOver) {
  OpenCalls calls;
  calls.see({EventType::tool_use, "", {}});
  calls.see({EventType::tool_use, "", {{"tool_use_id", 7}}});
  calls.see({EventType::progress, "", {{"tool_use_id", "1"}}});
  EXPECT_TRUE(calls.cut_off().empty());
}

}  // namespace
}  // namespace isa::agent
