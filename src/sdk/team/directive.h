// The words in which an agent hands over when it has no tools, or does not use them: at the end of its reply
//   [HANDOFF: name] why        or        [COMPLETE]
// A person who reads along never sees them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace isa::sdk::team {

struct Directive {
  enum class Kind { handoff, complete };
  Kind kind = Kind::complete;
  std::string target;  // handoff: as it was written, without spaces around it.
  std::string reason;  // handoff: the rest of its paragraph.
};

// Takes a reply piece by piece and lets pass what may be shown. A directive counts only where the reply ends
// with it (within kDirectiveMax bytes), outside of code, quotation marks and quoted lines: a reply that talks
// about directives is shown as it is. Text from a possible directive on is held back until it is clear.
class DirectiveScanner {
 public:
  static constexpr std::size_t kDirectiveMax = 500;  // Bytes from its bracket to the end of the reply.

  // What of the reply may be shown by now.
  std::string feed(std::string_view chunk);

  struct Rest {
    std::string text;  // Still to be shown.
    std::optional<Directive> directive;
  };
  // The reply is over. The scanner is as new afterwards.
  Rest finish();

 private:
  enum class Match { none, maybe, whole };
  static Match match(std::string_view text);  // Which begins with a bracket.
  bool is_quoted() const;
  void pass(char c);

  std::string held_;  // Not yet judged; begins with a bracket, or is empty.
  std::string shown_;
  char last_ = '\n';
  int ticks_ = 0;  // Of the run of backticks that is going on.
  bool in_fence_ = false;
  bool in_code_ = false;
  bool in_quoted_line_ = false;
  bool at_line_start_ = true;
};

struct Reply {
  std::string text;  // Without its directive, and then without space at its end.
  std::optional<Directive> directive;
};
Reply read_reply(std::string_view text);

// Text that goes into a prompt and shall give no agent a directive to repeat.
std::string without_directives(std::string_view text);

}  // namespace isa::sdk::team
