#include "sdk/approval_pattern.h"

#include <algorithm>
#include <array>
#include <filesystem>

namespace isa::sdk {
namespace {

constexpr std::array<std::string_view, 5> kSubjects{"command", "file_path", "path", "url", "query"};
constexpr std::string_view kShellSyntax = ";&|`$<>(){}\n\r\\";
constexpr std::string_view kJsonSyntax = ";&|`$<>(){}\n\r\\\"";  // And no star leaves a string.

struct Argument {
  std::string_view tool, name;
  bool operator==(const Argument&) const = default;
};
// What a call may have beside what it is about, and still be about the same.
constexpr std::array<Argument, 20> kHarmless{{{"bash_execute", "timeout"},
                                              {"read_file", "offset"},
                                              {"read_file", "limit"},
                                              {"write_file", "content"},
                                              {"write_file", "create_directories"},
                                              {"edit_file", "old_string"},
                                              {"edit_file", "new_string"},
                                              {"edit_file", "replace_all"},
                                              {"multi_edit_file", "edits"},
                                              {"ls_directory", "recursive"},
                                              {"ls_directory", "max_depth"},
                                              {"grep_search", "pattern"},
                                              {"grep_search", "case_insensitive"},
                                              {"grep_search", "max_results"},
                                              {"grep_search", "context_lines"},
                                              {"grep_search", "include_line_numbers"},
                                              {"web_search", "count"},
                                              {"web_search", "freshness"},
                                              {"web_crawl", "offset"},
                                              {"web_crawl", "max_length"}}};

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

bool is_path(std::string_view name) {
  return name == "file_path" || name == "path";
}

bool climbs(std::string_view path) {
  return std::ranges::any_of(std::filesystem::path(path), [](const auto& part) { return part == ".."; });
}

// One of the commands that a shell would find in `text`; more than there are, where they are quoted.
bool has_command(std::string_view pattern, std::string_view text) {
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(kShellSyntax), text.size());
    auto command = text.substr(0, end);
    command.remove_prefix(std::min(command.find_first_not_of(" \t"), command.size()));
    if (!command.empty() && glob(pattern, command, {})) return true;
    // "/bin/rm x" is "rm x".
    const auto slash = command.substr(0, command.find_first_of(" \t")).rfind('/');
    if (slash != std::string_view::npos && glob(pattern, command.substr(slash + 1), {})) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

// What it comes to, and that from the workspace on.
bool asks_about_path(std::string_view pattern, std::string_view text) {
  constexpr std::string_view kWorkspace = "/workspace/";
  const auto path = std::filesystem::path(text).lexically_normal().string();
  return glob(pattern, path, {}) ||
         (path.starts_with(kWorkspace) && glob(pattern, path.substr(kWorkspace.size()), {}));
}

bool asks_about(std::string_view pattern, const json::object& args) {
  for (const auto name : kSubjects) {
    const auto* found = args.if_contains(name);
    if (!found || !found->is_string()) continue;
    const std::string_view text = found->get_string();
    if (glob(pattern, text, {})) return true;
    if (name == "command" && has_command(pattern, text)) return true;
    if (is_path(name) && asks_about_path(pattern, text)) return true;
  }
  return glob(pattern, json::serialize(args), {});
}

// Whether the call is about something, all of which matches, and about nothing else.
bool allows_subjects(std::string_view pattern, std::string_view tool, const json::object& args) {
  bool is_about = false;
  for (const auto& [name, value] : args) {
    if (std::ranges::find(kHarmless, Argument{tool, name}) != kHarmless.end()) continue;
    if (std::ranges::find(kSubjects, std::string_view(name)) == kSubjects.end() || !value.is_string())
      return false;
    const std::string_view text = value.get_string();
    if (is_path(name) && pattern.contains('*') && climbs(text)) return false;
    if (!glob(pattern, text, kShellSyntax)) return false;
    is_about = true;
  }
  return is_about;
}

bool allows_call(std::string_view pattern, std::string_view tool, const json::object& args) {
  return allows_subjects(pattern, tool, args) || glob(pattern, json::serialize(args), kJsonSyntax);
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
  if (!what) return true;
  return use == PatternUse::asks ? asks_about(*what, args) : allows_call(*what, subject, args);
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
