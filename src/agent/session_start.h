#pragma once

#include "sdk/event.h"
#include "store/run.h"

namespace isa::agent {

// What a run says first. `is_resumed`: its session was there before.
sdk::Event session_start(const store::Run& run, bool is_resumed);

}  // namespace isa::agent
