#pragma once

#include "agent/run_engine.h"
#include "net/http.h"

namespace isa::agent {

inline constexpr std::int64_t kExportVersion = 1;

// A whole session as one JSON document, written piece by piece:
//   {"format":"isa.session","version":1,"exported_at":..,"session":{..},"messages":[..],
//    "runs":[{"run":{..},"events":[..]},..]}
// session, messages, runs and events are as the API shows each of them; runs are oldest first. A run that
// goes on is there with its events so far. At no time more than one run's events are in memory. What cannot
// be read ends the answer without its end, so that no part is taken for the whole. Everything that is named
// here outlives the answer.
struct SessionExport {
  store::Session session;
  std::vector<store::SessionMessage> messages;
  std::vector<store::Run> runs;
};
net::Response export_response(SessionExport document, store::RunStore& runs, RunEngine& engine);

}  // namespace isa::agent
