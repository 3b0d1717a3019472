#include "sdk/chat.h"

#include <gtest/gtest.h>

namespace isa::sdk {
namespace {

using Kind = ChatDelta::Kind;

ChatDelta delta(Kind kind, std::string text, std::size_t index = 0) {
  ChatDelta to;
  to.kind = kind;
  to.text = std::move(text);
  to.index = index;
  return to;
}

ChatDelta call(std::size_t index, std::string id, std::string name) {
  auto to = delta(Kind::tool_call, "", index);
  to.id = std::move(id);
  to.name = std::move(name);
  return to;
}

Message built(const std::vector<ChatDelta>& deltas) {
  MessageBuilder builder;
  for (const auto& one : deltas) builder.add(one);
  return std::move(builder).finish();
}

TEST(MessageBuilder, PutsInterleavedDeltasTogether) {
  const auto message =
      built({delta(Kind::thinking, "hm"), delta(Kind::thinking, "m"), delta(Kind::signature, "s1"),
             delta(Kind::redacted_thinking, "opaque"), delta(Kind::text, "a"), delta(Kind::text, "b"),
             call(0, "c0", "f"), delta(Kind::tool_arguments, "{\"x\":"), call(1, "c1", "g"),
             delta(Kind::tool_arguments, "1}", 0)});

  ASSERT_EQ(message.parts.size(), 5u);
  EXPECT_EQ(message.parts[0].text, "hmm");
  EXPECT_EQ(message.parts[0].signature, "s1");
  EXPECT_EQ(message.parts[1].kind, PartKind::redacted_thinking);
  EXPECT_EQ(message.text(), "ab");
  EXPECT_EQ(message.parts[3].arguments, "{\"x\":1}");
  EXPECT_EQ(message.parts[4].arguments, "{}") << "a call without arguments has an empty object";
}

TEST(MessageBuilder, ASignatureEndsItsThinking) {
  const auto message =
      built({delta(Kind::thinking, "a"), delta(Kind::signature, "s"), delta(Kind::thinking, "b")});
  ASSERT_EQ(message.parts.size(), 2u);
  EXPECT_EQ(message.parts[1].text, "b");
}

TEST(MessageBuilder, IgnoresArgumentsOfACallThatNeverBegan) {
  EXPECT_TRUE(built({delta(Kind::tool_arguments, "{}", 7)}).parts.empty());
}

Message rich_message() {
  auto message =
      built({delta(Kind::thinking, "t"), delta(Kind::signature, "s"), delta(Kind::redacted_thinking, "r"),
             delta(Kind::text, "x"), call(0, "c", "f"), delta(Kind::tool_arguments, "{\"a\":1}")});
  return message;
}

TEST(Message, ItsDeltasSpellItAgain) {
  std::vector<ChatDelta> deltas;
  append_deltas(rich_message(), deltas);
  EXPECT_EQ(to_json(built(deltas)), to_json(rich_message()));
}

TEST(Message, IsReadAsItIsWrittenWithoutEmptyFields) {
  Message results{ChatRole::tool, {Part::make_tool_result("c", "no such file", true)}};
  EXPECT_EQ(
      json::serialize(to_json(results)),
      R"({"role":"tool","parts":[{"kind":"tool_result","text":"no such file","id":"c","is_error":true}]})");
  for (const auto& message : {rich_message(), results})
    EXPECT_EQ(to_json(message_from_json(to_json(message)).value()), to_json(message));
  EXPECT_FALSE(message_from_json(json::parse(R"({"role":"robot","parts":[]})").value()));
}

}  // namespace
}  // namespace isa::sdk
