// How much of its tokens and its money a run has used up.
#pragma once

#include "sdk/chat.h"
#include "sdk/event.h"

#include <optional>
#include <string>
#include <vector>

namespace isa::sdk {

struct Budget {
  std::optional<std::int64_t> max_tokens;  // Input and output.
  std::optional<Usd> max_usd;
};

struct BudgetMet {
  std::string_view limit;  // Its name: "max_tokens" or "max_usd".
  std::string problem;     // The limit, and what was used up.
};

// A cost that is not known counts as too much: a limit of money holds, or nothing runs under it.
std::optional<BudgetMet> budget_met(const Budget& budget, const Usage& usage);

// Whether the model was not asked because the whole run is at a limit, which counts what programs beside the
// agent use, too: what the broker of a sandbox says. The limit's name, or nothing.
std::string_view limit_of_refusal(const Error& error);

// system {event: budget.warn, limit, max, used} of each limit of which `after` has used up 80 % and `before`
// had not. Who asks after every change of the usage gets one of each limit, also when the run was suspended
// in between.
std::vector<Event> budget_warnings(const Budget& budget, const Usage& before, const Usage& after);

}  // namespace isa::sdk
