// A model provider on loopback that streams text made of timestamps: the stand-in that P3 and P8 measure
// against.
#pragma once

#include "net/event_loop.h"
#include "net/server.h"

#include <chrono>

namespace isa::bench {

struct UpstreamPace {
  int chunks = 60;
  std::chrono::milliseconds gap{20};
};

// POST /v1/chat/completions in OpenAI's wire format; each chunk's content is "t<steady nanoseconds> ",
// stamped just before it is written. GET /v1/models lists one model.
net::Router upstream_router(UpstreamPace pace);

// The same served on a free port of loopback, by a thread of its own named "upstream".
class Upstream {
 public:
  explicit Upstream(UpstreamPace pace);
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;
  ~Upstream();

  const net::Endpoint& at() const { return at_; }

 private:
  net::EventLoop loop_{"upstream"};
  std::unique_ptr<net::Server> server_;
  net::Endpoint at_;
};

// Nanoseconds of every stamp in `text`, in order.
std::vector<std::int64_t> stamps_in(std::string_view text);
std::int64_t now_nanos();

}  // namespace isa::bench
