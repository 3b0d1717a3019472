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

// What is in parentheses is compared with the call's command, file_path, path, url or query, the first that
// it has; otherwise with its arguments as JSON.
enum class PatternUse {
  asks,    // The call waits for a person. When in doubt it matches.
  allows,  // The call need not be asked about. '*' matches no character with which a shell would begin
           // another command or write elsewhere: "git *" does not allow "git status; rm -rf .".
};
bool matches_approval_pattern(std::string_view pattern, std::string_view subject, const json::object& args,
                              PatternUse use);

// Whether a call waits: a pattern of `asks` matches and none of `allows` does.
bool needs_approval(const std::vector<std::string>& asks, const std::vector<std::string>& allows,
                    std::string_view subject, const json::object& args);

}  // namespace isa::sdk
