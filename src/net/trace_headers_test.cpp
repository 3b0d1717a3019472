#include "net/trace_headers.h"

#include <gtest/gtest.h>

namespace isa::net {
namespace {

constexpr const char* kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr const char* kId = "4bf92f3577b34da6a3ce929d0e0e4736";

TEST(TraceHeaders, ARequestThatArrivesGetsASpanOfItsOwnInTheTraceOfItsCause) {
  Headers came;
  came.add("TraceParent", kParent);
  came.add("tracestate", "a=1");
  came.add("Tracestate", "b=2");
  begin_span(came);

  EXPECT_EQ(trace_id_of(came), kId);
  EXPECT_NE(came.get("traceparent"), kParent);
  EXPECT_EQ(came.get("tracestate"), "a=1,b=2");
  EXPECT_EQ(came.all().size(), 2u);
}

TEST(TraceHeaders, WhatIsNotValidIsReplacedByANewTrace) {
  Headers came;
  came.add("traceparent", kParent);
  came.add("traceparent", kParent);
  came.add("tracestate", "a=1");
  begin_span(came);
  EXPECT_EQ(trace_id_of(came).size(), 32u);
  EXPECT_NE(trace_id_of(came), kId);
  EXPECT_EQ(came.all().size(), 1u);

  Headers none;
  begin_span(none);
  EXPECT_EQ(trace_id_of(none).size(), 32u);
}

TEST(TraceHeaders, ARequestThatIsMadeJoinsTheTrace) {
  Headers came;
  came.add("traceparent", kParent);
  came.add("tracestate", "a=1");
  Headers goes;
  goes.set("traceparent", "of somebody else");
  join_trace(goes, trace_of(came));

  EXPECT_EQ(goes.get("traceparent"), kParent);
  EXPECT_EQ(goes.get("tracestate"), "a=1");
  EXPECT_EQ(goes.all().size(), 2u);
}

TEST(TraceHeaders, WhatBelongsToNoTraceGetsNoHeaders) {
  Headers goes;
  join_trace(goes, trace_of(goes));
  EXPECT_TRUE(goes.all().empty());
  EXPECT_EQ(trace_id_of(goes), "");
}

}  // namespace
}  // namespace isa::net
