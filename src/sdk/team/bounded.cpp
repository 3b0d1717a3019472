#include "sdk/team/bounded.h"

#include "base/utf8.h"

#include <fmt/core.h>

namespace isa::sdk::team {

std::string cut_end(std::string_view text, std::size_t max) {
  if (text.size() <= max) return std::string(text);
  const auto kept = cut_utf8(text, max);
  return fmt::format("{}\n[...{} bytes truncated...]", kept, text.size() - kept.size());
}

std::string cut_front(std::string_view text, std::size_t max) {
  if (text.size() <= max) return std::string(text);
  // What cut_utf8 takes from the front ends between two characters: the rest begins with a whole one.
  const auto lost = cut_utf8(text, text.size() - max).size();
  auto kept = text.substr(lost);
  while (kept.size() > max && utf8_sequence(kept) > 0) kept.remove_prefix(utf8_sequence(kept));
  return fmt::format("{}\n{}", kContextCut, kept);
}

}  // namespace isa::sdk::team
