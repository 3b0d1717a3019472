#include "sdk/event.h"

#include <gtest/gtest.h>

namespace isa::sdk {
namespace {

const RunId kRun("run_1");
const SessionId kSession("sess_1");
const Timestamp kTime = from_millis(1'700'000'000'123);

json::value wire(const Event& event) {
  return json::parse(to_wire(event, kRun, 7, kSession, kTime)).value();
}

std::string content_after_a_round_trip(std::string content) {
  return event_from_wire(to_wire(text_event(std::move(content)))).value().content.value();
}

TEST(Event, OnTheWireHasItsPlaceInTheRun) {
  EXPECT_EQ(to_wire(text_event("hi"), kRun, 7, kSession, kTime),
            R"({"id":"run_1:7","seq":7,"type":"text","run_id":"run_1","session_id":"sess_1",)"
            R"("timestamp":"2023-11-14T22:13:20.123Z","content":"hi","metadata":{}})");
}

TEST(Event, WithoutAPlaceHoldsOnlyWhatHappened) {
  EXPECT_EQ(to_wire(Event{EventType::session_end, std::nullopt, {{"outcome", "success"}}}),
            R"({"type":"session_end","content":null,"metadata":{"outcome":"success"}})");
}

TEST(Event, KeepsEveryValidTextUnchanged) {
  std::string ascii;
  for (int c = 0; c < 128; ++c) ascii += static_cast<char>(c);
  const std::vector<std::string> texts = {"",
                                          ascii,
                                          "\"\\\"\\",
                                          "</script>",
                                          "\xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80",
                                          "a\xE2\x80\xA8-\xE2\x80\xA9",
                                          std::string(3, '\0')};

  for (const auto& text : texts) EXPECT_EQ(content_after_a_round_trip(text), text);
}

TEST(Event, IsOneLineWhateverItHolds) {
  const std::string text =
      to_wire(text_event("a\nb\r\nc\xE2\x80\xA8"
                         "d\xE2\x80\xA9"));

  EXPECT_EQ(text.find_first_of("\r\n"), std::string::npos);
  EXPECT_EQ(text.find("\xE2\x80"), std::string::npos);
}

TEST(Event, ReplacesIllFormedUtf8) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(content_after_a_round_trip("a\xFF"
                                       "b"),
            "a" + r + "b");
  EXPECT_EQ(content_after_a_round_trip("\xC3"), r);                          // Cut off.
  EXPECT_EQ(content_after_a_round_trip("\xC0\xAF"), r + r);                  // Overlong.
  EXPECT_EQ(content_after_a_round_trip("\xED\xA0\x80"), r + r + r);          // A surrogate.
  EXPECT_EQ(content_after_a_round_trip("\xF4\x90\x80\x80"), r + r + r + r);  // Past U+10FFFF.
}

TEST(Event, EscapesMetadataAndIdsAsCarefully) {
  Event event{EventType::tool_use, "", {{"ke\"y\xFF", json::array{"\n\xFF", 1, 2.5, nullptr, true}}}};
  const auto read = json::parse(to_wire(event, RunId("r\"\n"), 1, SessionId("s\\"), kTime)).value();

  EXPECT_EQ(read.at("id").as_string(), "r\"\n:1");
  EXPECT_EQ(read.at("session_id").as_string(), "s\\");
  EXPECT_EQ(json::serialize(read.at("metadata")),
            "{\"ke\\\"y\xEF\xBF\xBD\":[\"\\n\xEF\xBF\xBD\",1,2.5,null,true]}");
}

TEST(Event, CanBeReadBackFromTheWire) {
  const auto event = event_from_wire(json::serialize(wire(error_event("timeout", "too slow", true)))).value();

  EXPECT_EQ(event.type, EventType::error);
  EXPECT_EQ(event.content, "too slow");
  EXPECT_EQ(json::serialize(event.metadata), R"({"code":"timeout","retryable":true})");
  EXPECT_TRUE(event.is_terminal());
}

TEST(Event, OfACustomAgentNeedsOnlyAType) {
  EXPECT_EQ(event_from_wire(R"({"type":"progress","colour":1})").value().type, EventType::progress);
  EXPECT_FALSE(event_from_wire(R"({"type":"text","content":null,"metadata":null})").value().content);
}

TEST(Event, OfAnUnknownTypeIsRefused) {
  EXPECT_EQ(event_from_wire(R"({"type":"dance"})").error().kind(), ErrorKind::validation_error);
  EXPECT_EQ(event_from_wire(R"({"content":"x"})").error().kind(), ErrorKind::validation_error);
  EXPECT_EQ(event_from_wire("{").error().kind(), ErrorKind::invalid_request);
}

}  // namespace
}  // namespace isa::sdk
