// However a request is split over reads, it is the same request; and nothing of a body or its trailers
// becomes a header.
#include "net/request_parser.h"

#include <boost/beast/http/error.hpp>

#include <cstdint>
#include <cstdlib>

namespace {

using isa::net::RequestParser;

struct Outcome {
  bool has_head = false;
  bool is_done = false;
  bool is_refused = false;
  std::string target;
  std::string body;
  std::size_t fields = 0;
};

// As Session does it: bytes arrive `step` at a time, and what the parser does not take stays for the next
// round.
Outcome parse(std::string_view bytes, std::size_t step) {
  RequestParser parser(1024);
  parser.body_max = 512;
  Outcome outcome;
  std::size_t arrived = 0;
  while (!parser.is_done() && !outcome.is_refused) {
    if (arrived == 0 && bytes.empty()) break;
    if (arrived < bytes.size())
      arrived = std::min(arrived + step, bytes.size());
    else if (arrived == bytes.size() && arrived == 0)
      break;
    boost::system::error_code ec;
    const auto taken = parser.feed(bytes.substr(0, arrived), ec);
    const bool is_stuck = taken == 0 && arrived == bytes.size();
    bytes.remove_prefix(taken);
    arrived -= taken;
    if (ec && ec != boost::beast::http::error::need_more)
      outcome.is_refused = true;
    else if (is_stuck)
      break;
  }
  outcome.has_head = parser.is_header_done();
  outcome.is_done = parser.is_done();
  outcome.target = parser.request.target;
  outcome.body = parser.request.body;
  outcome.fields = parser.request.headers.all().size();
  return outcome;
}

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = parse(bytes, std::max<std::size_t>(size, 1));
  check(whole.body.size() <= 512);
  for (const std::size_t step : {1U, 5U}) {
    const auto split = parse(bytes, step);
    check(split.is_done == whole.is_done);
    if (!whole.is_done) continue;
    check(split.target == whole.target);
    check(split.body == whole.body);
    check(split.fields == whole.fields);
  }
  return 0;
}
