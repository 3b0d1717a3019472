// The messages of a turn that was cut off before it could say them itself, as far as its events tell them.
#pragma once

#include "sdk/chat.h"
#include "store/run.h"

#include <string>
#include <vector>

namespace isa::agent {

// What the user said first, and then what the model said, called and was answered, and what it heard. Long
// arguments and results are as short as events show them. Of a team only what was said, as its history is no
// single agent's.
std::vector<sdk::Message> messages_told(const std::string& message,
                                        const std::vector<store::LoggedEvent>& events);

}  // namespace isa::agent
