// Whatever the two headers hold, a request gets a valid place in a trace, and only a valid one is carried on.
#include "base/trace.h"

#include <cstdint>
#include <cstdlib>

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

// The first line is the traceparent, the rest the tracestate.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isa;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line_end = text.find('\n');
  const auto parent = text.substr(0, line_end);
  const auto state = line_end == std::string_view::npos ? std::string_view() : text.substr(line_end + 1);

  const auto parsed = parse_traceparent(parent);
  const auto context = TraceContext::received(parent, state);
  check(!context.empty());
  const auto sent = parse_traceparent(context.traceparent());
  check(sent.has_value());
  check(context.traceparent().size() == 55);
  if (parsed) {
    check(sent->trace_id == parsed->trace_id);
    check(sent->is_sampled == parsed->is_sampled);
    check(context.tracestate() == (is_valid_tracestate(state) ? state : std::string_view()));
  } else {
    check(context.tracestate().empty());
  }
  for (const char c : context.tracestate()) check((c >= ' ' && c <= '~') || c == '\t');
  return 0;
}
