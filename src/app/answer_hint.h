#pragma once

#include "base/json.h"

#include <string>

namespace isa::app {

// What to type to answer an agent's question, by its kind; with the options there are, lines that begin with
// two spaces. `question`: an entry of the inbox, or the metadata of a hil_request.
std::string how_to_answer(const json::object& question);

}  // namespace isa::app
