#include "agent/said_text.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

sdk::Event says(std::string text, std::string agent = "", std::string task = "") {
  sdk::Event event{sdk::EventType::text, std::move(text), {}};
  if (!agent.empty()) event.metadata["agent"] = agent;
  if (!task.empty()) event.metadata["task_id"] = task;
  return event;
}

std::string text_of(std::initializer_list<sdk::Event> events) {
  SaidText said;
  for (const auto& event : events) said.add(event);
  return said.text();
}

TEST(SaidText, OfOneAgentIsWhatItStreamed) {
  EXPECT_EQ(text_of({}), "");
  EXPECT_EQ(text_of({says("Hel"), says("lo"), says("")}), "Hello");
}

TEST(SaidText, OfTasksThatRunAtTheSameTimeStandsApart) {
  EXPECT_EQ(text_of({says("1 ", "a", "x"), says("10 ", "a", "y"), says("2", "a", "x"), says("20", "a", "y")}),
            "1 2\n\n10 20");
}

TEST(SaidText, OfAgentsThatHandOverStandsInTheirOrder) {
  EXPECT_EQ(text_of({says("I ask", "a"), says(" b.", "a"), says("Back.", "b"), says("Done.", "a")}),
            "I ask b.\n\nBack.\n\nDone.");
}

TEST(SaidText, NothingButTextCounts) {
  EXPECT_EQ(text_of({{sdk::EventType::thinking, "hm", {}}, {sdk::EventType::text, std::nullopt, {}}}), "");
}

TEST(SaidText, ASandboxThatInventsAgentsWithoutEndLosesNoText) {
  SaidText said;
  for (int i = 0; i < 3000; ++i) said.add(says("x", std::to_string(i)));
  EXPECT_EQ(std::ranges::count(said.text(), 'x'), 3000);
  EXPECT_LT(said.text().size(), 5100U);
}

}  // namespace
}  // namespace isa::agent
