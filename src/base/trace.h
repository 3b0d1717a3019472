// Which request a piece of work belongs to, across every role and process that it passes through (W3C Trace
// Context, https://www.w3.org/TR/trace-context/).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace isa {

// What the header traceparent says. Identifiers are kept as they are written: lower-case hexadecimal.
struct TraceParent {
  std::array<char, 32> trace_id{};
  std::array<char, 16> parent_id{};
  bool is_sampled = false;
};

// Nothing when the text is no valid traceparent, by section 3.2 of the recommendation: also when an
// identifier is all zeros, and for version ff. Of a version that is not known yet, what version 00 defines is
// read.
std::optional<TraceParent> parse_traceparent(std::string_view text);

// Whether a tracestate is within what section 3.3 allows and we pass on: at most 32 members and 512 bytes.
bool is_valid_tracestate(std::string_view text);

// The place of one request in a trace. Small and cheap to copy: only a tracestate, which few callers send,
// is on the heap.
class TraceContext {
 public:
  TraceContext() = default;  // Of nothing: empty().

  // Of a request that came with these two headers: the same trace and a new span; a new trace when the first
  // is missing or not valid. A tracestate that is not valid is dropped alone.
  static TraceContext received(std::string_view traceparent, std::string_view tracestate);
  static TraceContext make() { return received({}, {}); }
  // As it stands in the headers of a request that is being served; empty when it does not stand there.
  static TraceContext written(std::string_view traceparent, std::string_view tracestate);

  bool empty() const { return own_.trace_id[0] == '\0'; }
  // For logs; empty when there is none.
  std::string_view id() const { return empty() ? std::string_view() : text_of(own_.trace_id); }
  // The headers of a request that is made on behalf of this one. Not for empty().
  std::string traceparent() const;
  const std::string& tracestate() const { return state_; }

 private:
  template <std::size_t size>
  static std::string_view text_of(const std::array<char, size>& text) {
    return {text.data(), size};
  }

  TraceParent own_;  // Its parent_id is this request's span: the parent of those that it causes.
  std::string state_;
};

}  // namespace isa
