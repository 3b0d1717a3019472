// What a run's events mean to whoever typed the command that began it.
#pragma once

#include "sdk/event.h"

namespace isa::app {

// The outcome of the command, by the run's last event: an error unless the run succeeded. Nothing to say of
// any other event.
Result<void> outcome_of(const sdk::Event& event);

// The command that answers a question, by the fields that hil_request and the inbox have alike: request_id,
// kind, options and tool.
std::string how_to_answer(const json::object& question);

}  // namespace isa::app
