#include "agent/session_fork.h"

#include "sdk/chat.h"
#include "sdk/event.h"

#include <gtest/gtest.h>

#include <set>

namespace isa::agent {
namespace {

using sdk::ChatRole;
using sdk::EventType;
using sdk::Message;
using sdk::Part;

const RunId kRun("run_1");

// A run with two rounds of tools and an answer, as the store keeps it.
std::vector<store::SessionMessage> messages() {
  Message first{ChatRole::assistant,
                {Part::make_text("Let me see."), Part::make_tool_call("c1", "a", "{}"),
                 Part::make_tool_call("c2", "b", "{}")}};
  Message results{ChatRole::tool,
                  {Part::make_tool_result("c1", "1", false), Part::make_tool_result("c2", "2", false)}};
  Message second{ChatRole::assistant, {Part::make_tool_call("c3", "c", "{}")}};
  Message more{ChatRole::tool, {Part::make_tool_result("c3", "3", false)}};
  std::vector<store::SessionMessage> all;
  for (const auto& one : {Message::make(ChatRole::user, "Do it"), first, results, second, more,
                          Message::make(ChatRole::assistant, "All done.")})
    all.push_back({kRun, from_millis(1), sdk::to_json(one)});
  return all;
}

std::vector<store::LoggedEvent> events() {
  const auto call = [](EventType type, const char* id) {
    return sdk::Event{type, "", {{"tool_use_id", id}}};
  };
  const std::vector<sdk::Event> all{{EventType::session_start, "", {}},    // 1
                                    {EventType::system, "", {}},           // 2
                                    sdk::text_event("Let me "),            // 3
                                    sdk::text_event("see."),               // 4
                                    call(EventType::tool_use, "c1"),       // 5
                                    call(EventType::tool_use, "c2"),       // 6
                                    call(EventType::tool_result, "c2"),    // 7
                                    call(EventType::tool_result, "c1"),    // 8
                                    call(EventType::tool_use, "c3"),       // 9
                                    call(EventType::tool_result, "c3"),    // 10
                                    sdk::text_event("All "),               // 11
                                    sdk::text_event("done."),              // 12
                                    {EventType::result, "All done.", {}},  // 13
                                    {EventType::session_end, "", {}}};     // 14
  std::vector<store::LoggedEvent> logged;
  for (const auto& event : all) {
    const auto seq = static_cast<std::int64_t>(logged.size()) + 1;
    logged.push_back({seq, std::make_shared<const std::string>(
                               sdk::to_wire(event, kRun, seq, SessionId("s"), from_millis(1)))});
  }
  return logged;
}

// The roles, with the calls of an assistant and its text: "user assistant(c1,c2) tool ..."
std::string outline(const std::vector<store::SessionMessage>& all) {
  std::string text;
  for (const auto& one : all) {
    const auto message = sdk::message_from_json(one.message).value();
    text += (text.empty() ? "" : " ") + std::string(json::name_of(message.role));
    for (const auto& part : message.tool_calls()) text += "+" + part.id;
    if (message.role == ChatRole::assistant && message.tool_calls().empty()) text += ":" + message.text();
  }
  return text;
}

std::string until(std::int64_t seq) {
  return outline(history_until(messages(), events(), seq).value());
}

TEST(SessionFork, TheHistoryEndsWhereTheEventStands) {
  EXPECT_EQ(until(1), "user");
  EXPECT_EQ(until(3), "user assistant:Let me ");
  EXPECT_EQ(until(4), "user assistant:Let me see.");
  EXPECT_EQ(until(8), "user assistant+c1+c2 tool");
  EXPECT_EQ(until(10), "user assistant+c1+c2 tool assistant+c3 tool");
  EXPECT_EQ(until(11), "user assistant+c1+c2 tool assistant+c3 tool assistant:All ");
  EXPECT_EQ(until(13), outline(messages()));
  EXPECT_EQ(until(14), outline(messages()));
}

TEST(SessionFork, ACallIsKeptOnlyWithAllResultsOfItsRound) {
  for (const std::int64_t seq : {5, 6, 7}) EXPECT_EQ(until(seq), "user assistant:Let me see.") << seq;
  EXPECT_EQ(until(9), "user assistant+c1+c2 tool");
}

TEST(SessionFork, NoCutLeavesACallWithoutItsResult) {
  for (std::int64_t seq = 1; seq <= 14; ++seq) {
    std::set<std::string> open;
    for (const auto& one : history_until(messages(), events(), seq).value()) {
      for (const auto& part : sdk::message_from_json(one.message)->parts) {
        if (part.kind == sdk::PartKind::tool_call) open.insert(part.id);
        if (part.kind == sdk::PartKind::tool_result) EXPECT_EQ(open.erase(part.id), 1u) << seq;
      }
    }
    EXPECT_TRUE(open.empty()) << seq;
  }
}

// A model that numbers its calls anew in every answer.
TEST(SessionFork, ALaterCallOfTheSameIdIsNotAnsweredByTheEarlierResult) {
  const auto renamed = [](std::string text) {
    for (auto at = text.find("\"c3\""); at != text.npos; at = text.find("\"c3\""))
      text.replace(at, 4, "\"c1\"");
    return text;
  };
  auto said = messages();
  for (auto& one : said) one.message = json::parse(renamed(json::serialize(one.message)))->as_object();
  auto seen = events();
  for (auto& one : seen) one.json = std::make_shared<const std::string>(renamed(*one.json));

  EXPECT_EQ(outline(history_until(said, seen, 8).value()), "user assistant+c1+c2 tool");
  EXPECT_EQ(outline(history_until(said, seen, 9).value()), "user assistant+c1+c2 tool");
  EXPECT_EQ(outline(history_until(said, seen, 10).value()), "user assistant+c1+c2 tool assistant+c1 tool");
  EXPECT_EQ(outline(history_until(said, seen, 11).value()),
            "user assistant+c1+c2 tool assistant+c1 tool assistant:All ");
}

TEST(SessionFork, AnEventThatTheRunDoesNotHaveIsRefused) {
  const auto refused = history_until(messages(), events(), 15);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().param(), "/after_event");
}

TEST(SessionFork, APointIsTheIdOfAnEvent) {
  const auto point = parse_fork_point("run_1:7").value();
  EXPECT_EQ(point.run, kRun);
  EXPECT_EQ(point.seq, 7);
  for (const auto* text : {"", ":", "run_1", "run_1:", ":7", "run_1:0", "run_1:-1", "run_1:7x", "run_1: 7",
                           "run_1:99999999999999999999"})
    EXPECT_FALSE(parse_fork_point(text)) << text;
}

}  // namespace
}  // namespace isa::agent
