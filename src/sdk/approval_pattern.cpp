#include "sdk/approval_pattern.h"

#include <algorithm>
#include <array>

namespace isa::sdk {
namespace {

constexpr std::array<std::string_view, 5> kSubjects{"command", "file_path", "path", "url", "query"};
constexpr std::string_view kShellSyntax = ";&|`$<>(){}\n\r\\";

struct Split {
  std::string_view name;
  std::optional<std::string_view> about;
};

Split split(std::string_view pattern) {
  const auto open = pattern.find('(');
  if (open == std::string_view::npos || !pattern.ends_with(')')) return {pattern, std::nullopt};
  return {pattern.substr(0, open), pattern.substr(open + 1, pattern.size() - open - 2)};
}

// Glob with '*' alone, in time proportional to the product of the lengths at worst. `refused`: characters
// that a star does not stand for.
bool glob(std::string_view pattern, std::string_view text, std::string_view refused) {
  std::size_t p = 0, t = 0;
  std::size_t star = std::string_view::npos, from = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos && refused.find(text[from]) == std::string_view::npos) {
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  return std::ranges::all_of(pattern.substr(p), [](char c) { return c == '*'; });
}

std::string about(const json::object& args) {
  for (const auto name : kSubjects) {
    const auto* found = args.if_contains(name);
    if (found && found->is_string()) return std::string(found->get_string());
  }
  return json::serialize(args);
}

}  // namespace

Result<void> check_approval_pattern(std::string_view pattern) {
  if (pattern.empty()) return validation_error("a pattern names a tool, such as bash_execute(git *)");
  if (pattern.size() > kApprovalPatternMax)
    return validation_error("a pattern has at most {} bytes", kApprovalPatternMax);
  const auto [name, what] = split(pattern);
  const auto is_of_name = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("_-.:/*").contains(c);
  };
  if (name.empty() || !std::ranges::all_of(name, is_of_name))
    return validation_error(
        "'{}' is no pattern: expected the name of a tool, with '*' for any text, and what it is about in "
        "parentheses, such as bash_execute(git *)",
        pattern);
  return ok();
}

bool matches_approval_pattern(std::string_view pattern, std::string_view subject, const json::object& args,
                              PatternUse use) {
  const auto [name, what] = split(pattern);
  if (!glob(name, subject, {})) return false;
  return !what || glob(*what, about(args), use == PatternUse::allows ? kShellSyntax : std::string_view());
}

bool needs_approval(const std::vector<std::string>& asks, const std::vector<std::string>& allows,
                    std::string_view subject, const json::object& args) {
  const auto any = [&](const std::vector<std::string>& patterns, PatternUse use) {
    return std::ranges::any_of(patterns, [&](const std::string& pattern) {
      return matches_approval_pattern(pattern, subject, args, use);
    });
  };
  return any(asks, PatternUse::asks) && !any(allows, PatternUse::allows);
}

}  // namespace isa::sdk
