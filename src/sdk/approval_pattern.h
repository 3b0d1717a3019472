// Which tool calls a rule speaks of: "bash_execute", "mcp:github/*", or with what the call is about in
// parentheses: "bash_execute(git *)", "write_file(docs/*)". '*' stands for any text.
#pragma once

#include "base/json.h"
#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace isa::sdk {

inline constexpr std::size_t kApprovalPatternMax = 256;  // Bytes.

// validation_error that says what is wrong with the pattern.
Result<void> check_approval_pattern(std::string_view pattern);

// What is in parentheses is compared with what the call is about, its command, file_path, path, url and
// query, or with all of its arguments as JSON.
enum class PatternUse {
  // The call waits for a person. When in doubt it matches: one of these is enough, whatever else the call
  // has;
  // of a command each part that a shell would run by itself counts, of a path also what it comes to
  // ("a/../b").
  asks,
  // The call need not be asked about. '*' matches no character with which a shell would begin another command
  // or write elsewhere ("git *" does not allow "git status; rm -rf ."), and no way up ("docs/*" does not
  // allow
  // "docs/../x"). All that the call is about must match, and it may have no other argument than those that
  // change nothing of it: "bash_execute(git *)" allows a timeout, but no environment. With other arguments a
  // call is allowed by a pattern of all of them as JSON, in which '*' stays within a string.
  allows,
};
bool matches_approval_pattern(std::string_view pattern, std::string_view subject, const json::object& args,
                              PatternUse use);

// Whether a call waits: a pattern of `asks` matches and none of `allows` does.
bool needs_approval(const std::vector<std::string>& asks, const std::vector<std::string>& allows,
                    std::string_view subject, const json::object& args);

}  // namespace isa::sdk
