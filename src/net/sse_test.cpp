#include "net/sse.h"

#include <gtest/gtest.h>

namespace isa::net {
namespace {

std::vector<SseEvent> drain(SseParser& parser) {
  std::vector<SseEvent> events;
  while (auto event = parser.next()) events.push_back(std::move(*event));
  return events;
}

std::vector<SseEvent> parse(const std::vector<std::string_view>& pieces) {
  SseParser parser;
  for (const auto piece : pieces) EXPECT_TRUE(parser.feed(piece));
  return drain(parser);
}

void expect_same(const std::vector<SseEvent>& a, const std::vector<SseEvent>& b, const std::string& where) {
  ASSERT_EQ(a.size(), b.size()) << where;
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].id, b[i].id) << where;
    EXPECT_EQ(a[i].event, b[i].event) << where;
    EXPECT_EQ(a[i].data, b[i].data) << where;
  }
}

// A stream with every feature: byte-order mark, comment, several data lines, UTF-8, an event without data.
std::string stream_with(std::string_view eol) {
  std::string text = "\xEF\xBB\xBF";
  for (const std::string_view line :
       {": a comment", "id: 1", "event: text", "data: gr\xC3\xBC\xC3\x9F \xF0\x9F\x90\x9D", "data:second", "",
        "event: no-data", "", "data", "", "id: 3", "unknown: x", "data:  two spaces", ""})
    text.append(line).append(eol);
  return text;
}

TEST(SseParser, GivesTheSameEventsWhereverTheBytesAreSplit) {
  for (const std::string_view eol : {"\n", "\r\n", "\r"}) {
    const auto text = stream_with(eol);
    const auto whole = parse({text});
    ASSERT_EQ(whole.size(), 3U);
    EXPECT_EQ(whole[0].id, "1");
    EXPECT_EQ(whole[0].event, "text");
    EXPECT_EQ(whole[0].data, "gr\xC3\xBC\xC3\x9F \xF0\x9F\x90\x9D\nsecond");
    EXPECT_EQ(whole[1].data, "");
    EXPECT_EQ(whole[1].event, "") << "an event without data leaves nothing behind";
    EXPECT_EQ(whole[2].id, "3");
    EXPECT_EQ(whole[2].data, " two spaces");
    for (std::size_t at = 0; at <= text.size(); ++at) {
      const std::string_view view = text;
      expect_same(parse({view.substr(0, at), view.substr(at)}), whole, "split at " + std::to_string(at));
    }
    std::vector<std::string_view> bytes;
    for (std::size_t at = 0; at < text.size(); ++at) bytes.push_back(std::string_view(text).substr(at, 1));
    expect_same(parse(bytes), whole, "byte by byte");
  }
}

TEST(SseParser, DropsAnEventThatTheEndCutsOff) {
  EXPECT_TRUE(parse({"data: half\n"}).empty());
}

TEST(SseParser, SkipsComments) {
  EXPECT_TRUE(parse({": keep-alive\n\n: another\n\n"}).empty());
}

TEST(SseParser, KeepsAByteOrderMarkThatIsNotAtTheStart) {
  const auto events = parse({"data: a\xEF\xBB\xBF\n\n"});
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].data, "a\xEF\xBB\xBF");
}

TEST(SseParser, IgnoresAnIdThatHoldsANul) {
  const auto events = parse({std::string_view("id: a\0b\ndata: x\n\n", 17)});
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].id, "");
}

TEST(SseParser, RefusesAnEventThatIsTooLarge) {
  SseParser in_one_line(1024);
  const auto long_line = in_one_line.feed("data: " + std::string(2000, 'x'));
  ASSERT_FALSE(long_line);
  EXPECT_EQ(long_line.error().kind(), ErrorKind::payload_too_large);

  SseParser in_many_lines(1024);
  Result<void> result;
  for (int i = 0; i < 200 && result; ++i) result = in_many_lines.feed("data: 0123456789\n");
  EXPECT_FALSE(result);
}

TEST(SseParser, TakesManyEventsThatAreTogetherLargerThanOneMayBe) {
  SseParser parser(1024);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(parser.feed("data: 0123456789\n\n"));
  EXPECT_EQ(drain(parser).size(), 1000U);
}

TEST(FormatSse, IsReadBackByTheParser) {
  const SseEvent event{"42", "text", "one\ntwo\n\nthree"};
  const auto back = parse({format_sse(event)});
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].id, "42");
  EXPECT_EQ(back[0].event, "text");
  EXPECT_EQ(back[0].data, "one\ntwo\n\nthree");
}

TEST(FormatSse, LeavesOutWhatIsEmpty) {
  EXPECT_EQ(format_sse({"", "", "x"}), "data: x\n\n");
}

TEST(FormatSse, LetsNoValueStartAFieldOfItsOwn) {
  const auto back = parse({format_sse({"1\ndata: evil", "a\rb", "x\rdata: y"})});
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].id, "1data: evil");
  EXPECT_EQ(back[0].event, "ab");
  EXPECT_EQ(back[0].data, "x\ndata: y");
}

}  // namespace
}  // namespace isa::net
