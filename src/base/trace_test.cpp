#include "base/trace.h"

#include <gtest/gtest.h>

namespace isa {
namespace {

constexpr const char* kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::string text(const std::array<char, 32>& id) {
  return {id.data(), id.size()};
}

TEST(Trace, ReadsWhatTheRecommendationDefines) {
  const auto parsed = parse_traceparent(kParent);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(text(parsed->trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(std::string(parsed->parent_id.data(), 16), "00f067aa0ba902b7");
  EXPECT_TRUE(parsed->is_sampled);
  EXPECT_FALSE(parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02")->is_sampled);
}

TEST(Trace, ReadsWhatItKnowsOfALaterVersion) {
  EXPECT_TRUE(parse_traceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  EXPECT_TRUE(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes"));
  EXPECT_FALSE(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what"));
}

TEST(Trace, RefusesWhatIsNotValid) {
  for (const char* bad : {
           "",
           "00",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
           " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
       })
    EXPECT_FALSE(parse_traceparent(bad)) << bad;
}

TEST(Trace, ARequestStaysInItsTraceWithASpanOfItsOwn) {
  const auto first = TraceContext::received(kParent, "vendor=value");
  const auto second = TraceContext::received(first.traceparent(), first.tracestate());

  EXPECT_EQ(first.id(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(second.id(), first.id());
  EXPECT_NE(first.traceparent(), kParent);
  EXPECT_NE(second.traceparent(), first.traceparent());
  EXPECT_TRUE(second.traceparent().ends_with("-01"));
  EXPECT_EQ(second.tracestate(), "vendor=value");
}

TEST(Trace, ARequestThatBringsNoneBeginsATrace) {
  const auto one = TraceContext::make();
  const auto other = TraceContext::received("nonsense", "vendor=value");

  EXPECT_TRUE(parse_traceparent(one.traceparent()));
  EXPECT_TRUE(parse_traceparent(other.traceparent()));
  EXPECT_NE(one.id(), other.id());
  EXPECT_EQ(other.tracestate(), "");
}

TEST(Trace, WhatIsWrittenIsReadAsItStands) {
  EXPECT_EQ(TraceContext::written(kParent, "a=1").traceparent(), kParent);
  EXPECT_EQ(TraceContext::written(kParent, "a=1").tracestate(), "a=1");
  EXPECT_TRUE(TraceContext::written("nonsense", "a=1").empty());
}

TEST(Trace, NothingHasNoId) {
  EXPECT_TRUE(TraceContext().empty());
  EXPECT_EQ(TraceContext().id(), "");
}

TEST(Trace, ATracestateIsPassedOnOnlyWhenItIsValid) {
  for (const char* good : {"a=1", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "a=1 , b=2", "a=1,,b=2",
                           "1t@sys=x y", "a/b*c-d_e=~"})
    EXPECT_TRUE(is_valid_tracestate(good)) << good;
  for (const char* bad :
       {"", ",", "a", "=1", "a=", "A=1", "a=1=2", "a=\x01", "a b=1", "a@b@c=1", "a@=1", "\xc3\xa9=1"})
    EXPECT_FALSE(is_valid_tracestate(bad)) << bad;
  std::string members;
  for (int i = 0; i < 32; ++i) members += (i ? ",k" : "k") + std::to_string(i) + "=v";
  EXPECT_TRUE(is_valid_tracestate(members));
  EXPECT_FALSE(is_valid_tracestate(members + ",k32=v"));
  EXPECT_FALSE(is_valid_tracestate("a=" + std::string(512, 'v')));
}

}  // namespace
}  // namespace isa
