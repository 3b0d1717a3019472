// A model provider on loopback that streams text made of timestamps: the stand-in that P3 measures against.
#pragma once

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

// Nanoseconds of every stamp in `text`, in order.
std::vector<std::int64_t> stamps_in(std::string_view text);
std::int64_t now_nanos();

}  // namespace isa::bench
