// A pattern, and on the next line what a call is about; on one more, another argument.
#include "sdk/approval_pattern.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using isa::sdk::PatternUse;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto line = input.find('\n');
  const auto pattern = input.substr(0, line);
  if (!isa::sdk::check_approval_pattern(pattern) || line == std::string_view::npos) return 0;
  const isa::json::object args{{"command", input.substr(line + 1)}};
  const bool allows = isa::sdk::matches_approval_pattern(pattern, "bash_execute", args, PatternUse::allows);
  const bool asks = isa::sdk::matches_approval_pattern(pattern, "bash_execute", args, PatternUse::asks);
  if (allows && !asks) std::abort();  // What is allowed is always among what is asked about.
  const auto more = input.find('\n', line + 1);
  if (more == std::string_view::npos) return 0;
  const isa::json::object both{{"path", input.substr(line + 1, more - line - 1)},
                               {"other", input.substr(more + 1)}};
  const bool allows_both = isa::sdk::matches_approval_pattern(pattern, "mcp:a/b", both, PatternUse::allows);
  if (allows_both && !isa::sdk::matches_approval_pattern(pattern, "mcp:a/b", both, PatternUse::asks))
    std::abort();
  return 0;
}
