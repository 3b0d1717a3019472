#include "runtime/files/byte_range.h"

#include <algorithm>
#include <charconv>

namespace isa::runtime {
namespace {

// Nothing for what is no number; one that is too large counts as the largest.
std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end != text.data() + text.size()) return std::nullopt;
  return error == std::errc() ? value : UINT64_MAX;
}

}  // namespace

RangeVerdict find_range(std::string_view header, std::uint64_t size, ByteRange& range) {
  constexpr std::string_view unit = "bytes=";
  range = {0, size};
  if (!header.starts_with(unit)) return RangeVerdict::whole;
  header.remove_prefix(unit.size());
  const auto dash = header.find('-');
  if (dash == std::string_view::npos) return RangeVerdict::whole;
  const auto first_text = header.substr(0, dash), last_text = header.substr(dash + 1);
  const auto first = number(first_text), last = number(last_text);
  if (first_text.empty()) {
    if (!last) return RangeVerdict::whole;
    if (*last == 0 || size == 0) return RangeVerdict::unsatisfiable;
    range.count = std::min(*last, size);
    range.first = size - range.count;
    return RangeVerdict::part;
  }
  if (!first || (!last && !last_text.empty()) || (last && *last < *first)) return RangeVerdict::whole;
  if (*first >= size) return RangeVerdict::unsatisfiable;
  range.first = *first;
  range.count = std::min(last.value_or(UINT64_MAX), size - 1) - *first + 1;
  return RangeVerdict::part;
}

}  // namespace isa::runtime
