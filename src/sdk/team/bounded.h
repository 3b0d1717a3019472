// Texts that pass from one agent to another, cut where they are too long, with a mark that says so.
#pragma once

#include <string>
#include <string_view>

namespace isa::sdk::team {

inline constexpr std::string_view kContextCut = "[...context truncated...]";

// At most `max` bytes and a mark at the end that tells how much is missing.
std::string cut_end(std::string_view text, std::size_t max);
// The last `max` bytes, behind kContextCut.
std::string cut_front(std::string_view text, std::size_t max);

}  // namespace isa::sdk::team
