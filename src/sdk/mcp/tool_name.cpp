#include "sdk/mcp/tool_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace isa::sdk::mcp {
namespace {

constexpr std::string_view kPrefix = "mcp__";
constexpr std::size_t kNameMax = 64;
constexpr std::size_t kServerMax = 20;  // Of a name with a hash.
constexpr std::size_t kHashDigits = 12;

bool is_allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// Ends as names with a hash do.
bool looks_hashed(std::string_view name) {
  if (name.size() < kHashDigits + 2) return false;
  const auto tail = name.substr(name.size() - kHashDigits - 2);
  return tail.starts_with("_h") && std::ranges::all_of(tail.substr(2), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// The first "__" after the prefix must be the one between server and tool.
bool can_be_read_back(const ToolRef& tool, std::string_view whole) {
  const bool server_is_plain = tool.server.find("__") == std::string::npos && !tool.server.starts_with('_') &&
                               !tool.server.ends_with('_');
  return server_is_plain && whole.size() <= kNameMax && std::ranges::all_of(whole, is_allowed) &&
         !tool.tool.starts_with('_') && !looks_hashed(whole);
}

// FNV-1a, 64 bits (draft-eastlake-fnv).
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 0xcbf29ce484222325u;
  for (const unsigned char c : text) value = (value ^ c) * 0x100000001b3u;
  return value;
}

std::string readable(std::string_view text, std::size_t max) {
  std::string name(text.substr(0, max));
  std::ranges::replace_if(name, [](char c) { return !is_allowed(c); }, '_');
  return name;
}

// * stands for any characters. Linear in each of both, as only the last star is ever tried again.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.substr(p).find_first_not_of('*') == std::string_view::npos;
}

}  // namespace

std::string provider_name(const ToolRef& tool) {
  const auto whole = fmt::format("{}{}__{}", kPrefix, tool.server, tool.tool);
  if (can_be_read_back(tool, whole)) return whole;
  const auto begin = fmt::format("{}{}__", kPrefix, readable(tool.server, kServerMax));
  const auto rest = kNameMax - begin.size() - kHashDigits - 2;
  return fmt::format("{}{}_h{:012x}", begin, readable(tool.tool, rest), hash(tool.to_string()) >> 16);
}

std::optional<std::string> ToolNames::add(const ToolRef& tool) {
  auto name = provider_name(tool);
  const auto [at, is_new] = by_name_.emplace(name, tool);
  if (!is_new && at->second != tool) return std::nullopt;
  return name;
}

const ToolRef* ToolNames::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &found->second;
}

bool allows(std::string_view pattern, std::string_view name) {
  if (!pattern.starts_with("mcp:")) return pattern == name;
  const auto slash = pattern.find('/');
  if (slash == std::string_view::npos || name.substr(0, slash + 1) != pattern.substr(0, slash + 1))
    return false;
  return matches(pattern.substr(slash + 1), name.substr(slash + 1));
}

}  // namespace isa::sdk::mcp
