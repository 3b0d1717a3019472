#include "sdk/team/directive.h"

#include <gtest/gtest.h>

namespace isa::sdk::team {
namespace {

// "text|target|reason", "text|complete", or the text alone.
std::string read(std::string_view text) {
  const auto reply = read_reply(text);
  if (!reply.directive) return reply.text;
  if (reply.directive->kind == Directive::Kind::complete) return reply.text + "|complete";
  return reply.text + "|" + reply.directive->target + "|" + reply.directive->reason;
}

// The same in pieces of `size` bytes, as it is shown while it streams.
std::string streamed(std::string_view text, std::size_t size) {
  DirectiveScanner scanner;
  std::string shown;
  for (; !text.empty(); text.remove_prefix(std::min(size, text.size())))
    shown += scanner.feed(text.substr(0, size));
  return shown + scanner.finish().text;
}

TEST(Directive, IsReadAtTheEndOfAReplyAndNotShown) {
  EXPECT_EQ(read("I looked.\n\n[HANDOFF: writer] needs words"), "I looked.|writer|needs words");
  EXPECT_EQ(read("I looked. [HANDOFF: Senior Writer] it\nneeds words\n"),
            "I looked.|Senior Writer|it\nneeds words");
  EXPECT_EQ(read("[handoff:b]"), "|b|");
  EXPECT_EQ(read("Done.\n[COMPLETE]\n"), "Done.|complete");
  EXPECT_EQ(read("[HANDOFF: b] go [COMPLETE]"), "|b|go");
  EXPECT_EQ(read("no directive"), "no directive");
  EXPECT_EQ(read(""), "");
}

TEST(Directive, CountsOnlyWhereTheReplyEndsWithIt) {
  const auto* text = "[HANDOFF: b] reason\n\nBut then I did it myself: 42.";
  EXPECT_EQ(read(text), text);
  const auto* list = "An array [1, 2] and [HANDOFF without a colon] and [COMPLETE] as a word";
  EXPECT_EQ(read(list), list);
  const auto far = "[HANDOFF: b] " + std::string(DirectiveScanner::kDirectiveMax, 'x');
  EXPECT_EQ(read(far), far);
}

TEST(Directive, AQuotedOneIsText) {
  for (const auto* text :
       {"Write `[HANDOFF: b] why`", "Say \"[HANDOFF: b] why\"", "```\n[HANDOFF: b] why\n```",
        "It said:\n> [HANDOFF: b] why", "```text\n[COMPLETE]"})
    EXPECT_EQ(read(text), text);
  EXPECT_EQ(read("```\ncode\n```\n[HANDOFF: b] why"), "```\ncode\n```|b|why");
  EXPECT_EQ(read("Use `x` [HANDOFF: b] why"), "Use `x`|b|why");
}

TEST(Directive, IsNeverShownHoweverTheStreamIsCut) {
  for (const auto* text :
       {"I looked.\n[HANDOFF: writer] it needs words", "Fine. [COMPLETE]\n", "[[HANDOFF: b] x"})
    for (std::size_t size = 1; size < 12; ++size) {
      const auto shown = streamed(text, size);
      EXPECT_EQ(shown.find("HANDOFF"), std::string::npos) << size << ": " << shown;
      EXPECT_EQ(shown.find("COMPLETE"), std::string::npos) << size << ": " << shown;
    }
}

TEST(Directive, NoOtherTextIsLostHoweverTheStreamIsCut) {
  for (const auto* text : {"a[1] = [HANDOFF: b] and\n\nthen more", "[HANDOFF: b\n] no", "[COMPLETE] work",
                           "tail [", "tail [HAND", "[HANDOFF: ] x", "``` [HANDOFF: b] ``", "[][[COMPLETE]x"})
    for (std::size_t size = 1; size < 12; ++size) EXPECT_EQ(streamed(text, size), text) << size;
}

// What takes minutes where the rest of the reply is looked at, or copied, at each bracket.
TEST(Directive, AReplyOfManyBracketsIsReadInOnePass) {
  const std::string brackets(std::size_t{16} << 20, '[');
  EXPECT_TRUE(read_reply(brackets).text == brackets);
  EXPECT_EQ(read(brackets + "[COMPLETE]").size(), brackets.size() + std::string_view("|complete").size());
}

TEST(Directive, IsTakenOutOfWhatOthersAreTold) {
  EXPECT_EQ(without_directives("Writes. [HANDOFF: b] [COMPLETE] [x]"), "Writes.   [x]");
  EXPECT_EQ(without_directives("[HANDOFF: open"), "");
}

TEST(Directive, ATargetThatIsTooLongIsTextHoweverTheStreamIsCut) {
  const auto text = "done\n[HANDOFF: " + std::string(200, 'x') + "] go";
  EXPECT_FALSE(read_reply(text).directive);
  EXPECT_EQ(read_reply(text).text, text);
}

}  // namespace
}  // namespace isa::sdk::team
