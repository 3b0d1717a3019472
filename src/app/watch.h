// What a command that began a run does until that run is over.
#pragma once

#include "app/api_client.h"
#include "sdk/event.h"

namespace isa::app {

using ShowEvent = std::function<void(const sdk::Event&)>;

// Takes the run's events until there are no more: prints each as a line of JSON, or gives it to `show`. The
// error says why the run did not succeed: its own error, a limit, that it was cancelled; or that the
// connection ended before it did.
Task<Result<void>> watch(net::OpenResponse answer, bool as_json, ShowEvent show);

}  // namespace isa::app
