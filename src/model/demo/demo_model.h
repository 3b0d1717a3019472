// The model builtin/demo: rules, no language model, and it says so. For trying the platform out without any
// provider, and for tests: deterministic, and its only state is the conversation that it is given.
#pragma once

#include "sdk/chat.h"

namespace isa::model::demo {

// What a member of a team is asked is the <task>, or the <user_message>, of its prompt. An agent whose system
// prompt holds <script>...</script> does what stands there, whatever it is asked: so demos of several agents
// play their parts.
//
// One turn. It calls one tool per turn, in the order asked, until every step is done; then it reports. Usage
// counts words as tokens and says that it is estimated.
sdk::ChatResult answer(const sdk::ChatRequest& request);

// `text` cut behind each run of white space, so that the pieces spell it again.
std::vector<std::string> words_of(std::string_view text);

}  // namespace isa::model::demo
