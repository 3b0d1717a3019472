// Sends a run's events to one reader, from wherever they are: the live buffer or the store.
#pragma once

#include "agent/run_stream.h"

#include <chrono>
#include <memory>

namespace isa::agent {

// After so much silence a reader gets a comment, so that proxies keep the connection (design: agents.md).
inline constexpr std::chrono::seconds kHeartbeat{10};

// Every event after `after` as it becomes visible, then [DONE]. Returns early when the reader is gone or too
// slow; it can come back with the last id it saw.
Task<void> follow_live(std::shared_ptr<RunStream> stream, std::int64_t after, net::BodyWriter& out,
                       std::chrono::milliseconds heartbeat = kHeartbeat);

// The same for a run that has ended.
Task<void> replay(RunId run, std::vector<store::LoggedEvent> events, net::BodyWriter& out);

// Where a reader wants to go on: the Last-Event-ID header ("<run>:<seq>"), else ?after= (the same, or a bare
// seq), else 0. validation_error when it is neither, or an event of another run.
Result<std::int64_t> resume_point(const net::Request& request, const RunId& run);

}  // namespace isa::agent
