#include "sdk/tools/glob.h"

#include <algorithm>
#include <fnmatch.h>
#include <span>

namespace isa::sdk {
namespace {

constexpr std::size_t kPatternMax = 1000;
constexpr std::size_t kAlternativesMax = 100;

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const auto slash = path.find('/');
    const auto part = path.substr(0, slash);
    const bool repeats_any = part == "**" && !parts.empty() && parts.back() == "**";
    if (!part.empty() && part != "." && !repeats_any) parts.emplace_back(part);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return parts;
}

// The places of the first top-level "{", of its commas and of its "}"; empty when there is no complete one.
std::vector<std::size_t> find_braces(std::string_view text) {
  std::vector<std::size_t> places;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_top = c == '{' ? depth == 0 : depth == 1 && (c == ',' || c == '}');
    if (is_top) places.push_back(i);
    if (is_top && c == '}') return places;
    if (c == '{') ++depth;
    if (c == '}' && depth > 0) --depth;
  }
  return {};
}

// Replaces braces by what they stand for; false when that would be too much.
bool expand(const std::string& pattern, std::vector<std::string>& to) {
  const auto places = find_braces(pattern);
  if (places.size() < 3) {  // No braces, or {one}, which stands for itself as in a shell.
    to.push_back(pattern);
    return to.size() <= kAlternativesMax;
  }
  for (std::size_t i = 0; i + 1 < places.size(); ++i) {
    const auto choice = pattern.substr(places[i] + 1, places[i + 1] - places[i] - 1);
    if (!expand(pattern.substr(0, places.front()) + choice + pattern.substr(places.back() + 1), to))
      return false;
  }
  return true;
}

bool matches_name(const std::string& pattern, const std::string& name, int flags) {
  return ::fnmatch(pattern.c_str(), name.c_str(), flags) == 0;
}

// A "**" takes as few folders as possible; on a mismatch the last one takes one more.
bool matches_path(std::span<const std::string> pattern, std::span<const std::string> path, int flags) {
  std::size_t p = 0, n = 0;
  std::size_t any = pattern.size(), any_end = 0;  // The last "**" and where what it takes ends.
  while (n < path.size()) {
    if (p < pattern.size() && pattern[p] == "**") {
      any = p++;
      any_end = n;
    } else if (p < pattern.size() && matches_name(pattern[p], path[n], flags)) {
      ++p;
      ++n;
    } else if (any < pattern.size()) {
      p = any + 1;
      n = ++any_end;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == "**") ++p;
  return p == pattern.size();
}

bool may_match_more(std::span<const std::string> pattern, std::span<const std::string> folder, int flags) {
  for (std::size_t i = 0; i < folder.size(); ++i) {
    if (i >= pattern.size()) return false;
    if (pattern[i] == "**") return true;
    if (!matches_name(pattern[i], folder[i], flags)) return false;
  }
  return folder.size() < pattern.size();
}

}  // namespace

Result<Glob> Glob::parse(std::string_view pattern, bool include_hidden) {
  if (pattern.empty() || pattern.size() > kPatternMax)
    return validation_error("a file pattern has 1 to {} characters", kPatternMax);
  std::vector<std::string> expanded;
  if (!expand(std::string(pattern), expanded))
    return validation_error("the file pattern has more than {} alternatives", kAlternativesMax);
  Glob glob;
  glob.flags_ = include_hidden ? 0 : FNM_PERIOD;
  for (const auto& one : expanded) {
    auto segments = split(one);
    if (one.starts_with('/') || std::ranges::find(segments, "..") != segments.end() || segments.empty())
      return validation_error("the file pattern '{}' must be relative to the searched folder, without ..",
                              one);
    glob.alternatives_.push_back(std::move(segments));
  }
  return glob;
}

bool Glob::matches(std::string_view path) const {
  const auto parts = split(path);
  return std::ranges::any_of(alternatives_,
                             [&](const Segments& s) { return matches_path(s, parts, flags_); });
}

bool Glob::may_match_below(std::string_view folder) const {
  const auto parts = split(folder);
  return std::ranges::any_of(alternatives_,
                             [&](const Segments& s) { return may_match_more(s, parts, flags_); });
}

}  // namespace isa::sdk
