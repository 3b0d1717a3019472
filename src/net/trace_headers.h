// The trace of a request travels in its headers, as its id does: the server writes its own place in the trace
// there before anybody reads them, and whoever makes another request on its behalf hands it on.
#pragma once

#include "base/trace.h"
#include "net/http.h"

namespace isa::net {

// Of a request that just arrived: its headers say a new span of the trace that they came with, or a new trace
// where they came with none. A repeated traceparent is not valid; repeated tracestates are one list.
void begin_span(Headers& headers);

// The trace of a request that is being served. Empty for one that no server received.
TraceContext trace_of(const Headers& headers);
// Its id alone, for logs.
std::string_view trace_id_of(const Headers& headers);

// Makes a request part of `trace`; nothing happens for an empty one.
void join_trace(Headers& headers, const TraceContext& trace);

}  // namespace isa::net
