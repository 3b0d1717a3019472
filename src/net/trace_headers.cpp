#include "net/trace_headers.h"

#include "net/text.h"

namespace isa::net {

void begin_span(Headers& headers) {
  std::string_view parent;
  std::string state;
  int parents = 0;
  for (const auto& [name, value] : headers.all()) {
    if (equals_ignoring_case(name, "traceparent")) {
      parent = ++parents == 1 ? std::string_view(value) : std::string_view();
    } else if (equals_ignoring_case(name, "tracestate")) {
      if (!state.empty()) state += ',';
      state += value;
    }
  }
  const auto trace = TraceContext::received(parent, state);
  if (!state.empty()) headers.remove("tracestate");
  join_trace(headers, trace);
}

TraceContext trace_of(const Headers& headers) {
  return TraceContext::written(headers.get("traceparent"), headers.get("tracestate"));
}

std::string_view trace_id_of(const Headers& headers) {
  const auto parent = headers.get("traceparent");
  return parse_traceparent(parent) ? parent.substr(3, 32) : std::string_view();
}

void join_trace(Headers& headers, const TraceContext& trace) {
  if (trace.empty()) return;
  headers.set("traceparent", trace.traceparent());
  if (!trace.tracestate().empty()) headers.set("tracestate", trace.tracestate());
}

}  // namespace isa::net
