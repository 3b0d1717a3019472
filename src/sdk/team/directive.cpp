#include "sdk/team/directive.h"

#include <algorithm>
#include <utility>

namespace isa::sdk::team {
namespace {

constexpr std::string_view kHandoff = "[handoff:";
constexpr std::string_view kComplete = "[complete]";
constexpr std::size_t kTargetMax = 128;
constexpr std::string_view kSpace = " \t\r\n";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// How much of `word` (lower case) stands at the front of `text`.
std::size_t common(std::string_view text, std::string_view word) {
  std::size_t length = 0;
  while (length < text.size() && length < word.size() && lower(text[length]) == word[length]) ++length;
  return length;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// Whether nothing follows the paragraph that `text` begins with.
bool is_one_paragraph(std::string_view text) {
  for (auto line = text.find('\n'); line != std::string_view::npos; line = text.find('\n', line + 1)) {
    const auto next = text.find_first_not_of(" \t\r", line + 1);
    if (next == std::string_view::npos) return true;
    if (text[next] == '\n') return trimmed(text.substr(next)).empty();
  }
  return true;
}

}  // namespace

DirectiveScanner::Match DirectiveScanner::match(std::string_view text) {
  if (text.size() > kDirectiveMax) return Match::none;
  for (const auto word : {kHandoff, kComplete})
    if (const auto length = common(text, word); length == text.size() && length < word.size())
      return Match::maybe;
  if (common(text, kComplete) == kComplete.size())
    return trimmed(text.substr(kComplete.size())).empty() ? Match::whole : Match::none;
  if (common(text, kHandoff) < kHandoff.size()) return Match::none;
  const auto end = text.find_first_of("]\n", kHandoff.size());
  if (end == std::string_view::npos)
    return text.size() - kHandoff.size() > kTargetMax ? Match::none : Match::maybe;
  const auto target = text.substr(kHandoff.size(), end - kHandoff.size());
  if (text[end] == '\n' || target.size() > kTargetMax || trimmed(target).empty()) return Match::none;
  return is_one_paragraph(text.substr(end + 1)) ? Match::whole : Match::none;
}

bool DirectiveScanner::is_quoted() const {
  // A run of backticks that has just ended counts already.
  const bool in_fence = in_fence_ != (ticks_ >= 3);
  const bool in_code = in_code_ != (ticks_ == 1);
  return in_fence || in_code || in_quoted_line_ || last_ == '"' || last_ == '\'';
}

void DirectiveScanner::pass(char c) {
  shown_ += c;
  last_ = c;
  if (c == '`') {
    ++ticks_;
    at_line_start_ = false;
    return;
  }
  if (ticks_ >= 3) in_fence_ = !in_fence_;
  if (ticks_ == 1) in_code_ = !in_code_;
  ticks_ = 0;
  if (c == '\n') {
    in_code_ = in_quoted_line_ = false;
    at_line_start_ = true;
  } else if (at_line_start_ && c != ' ' && c != '\t') {
    in_quoted_line_ = c == '>';
    at_line_start_ = false;
  }
}

std::string DirectiveScanner::feed(std::string_view chunk) {
  std::string queue = std::move(held_);
  held_.clear();
  queue += chunk;
  for (std::size_t at = 0; at < queue.size(); ++at) {
    if (queue[at] == '[' && !is_quoted()) {
      // Nothing is copied for a bracket that is text: a reply may be made of them.
      const auto rest = std::string_view(queue).substr(at);
      if (match(rest) != Match::none) {
        held_ = rest;
        return std::exchange(shown_, {});
      }
    }
    pass(queue[at]);
  }
  return std::exchange(shown_, {});
}

DirectiveScanner::Rest DirectiveScanner::finish() {
  Rest rest;
  while (!held_.empty() && match(held_) != Match::whole) {
    // No directive after all: its bracket is text, and what follows is looked at once more.
    const auto text = std::exchange(held_, {});
    pass(text.front());
    rest.text += std::exchange(shown_, {});
    rest.text += feed(std::string_view(text).substr(1));
  }
  if (!held_.empty()) {
    auto& directive = rest.directive.emplace();
    const std::string_view text = held_;
    if (common(text, kHandoff) == kHandoff.size()) {
      const auto end = text.find(']');
      auto reason = trimmed(text.substr(end + 1));
      if (reason.size() >= kComplete.size() &&
          common(reason.substr(reason.size() - kComplete.size()), kComplete) == kComplete.size())
        reason = trimmed(reason.substr(0, reason.size() - kComplete.size()));
      directive.kind = Directive::Kind::handoff;
      directive.target = trimmed(text.substr(kHandoff.size(), end - kHandoff.size()));
      directive.reason = reason;
    }
  }
  *this = DirectiveScanner();
  return rest;
}

Reply read_reply(std::string_view text) {
  DirectiveScanner scanner;
  Reply reply;
  reply.text = scanner.feed(text);
  auto rest = scanner.finish();
  reply.text += rest.text;
  reply.directive = std::move(rest.directive);
  if (reply.directive) {
    const auto end = reply.text.find_last_not_of(kSpace);
    reply.text.resize(end == std::string::npos ? 0 : end + 1);
  }
  return reply;
}

std::string without_directives(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const auto bracket = std::min(text.find('['), text.size());
    clean += text.substr(0, bracket);
    text.remove_prefix(bracket);
    if (text.empty()) break;
    if (common(text, kComplete) == kComplete.size()) {
      text.remove_prefix(kComplete.size());
    } else if (common(text, kHandoff) == kHandoff.size()) {
      text.remove_prefix(std::min(text.find(']'), text.size() - 1) + 1);
    } else {
      clean += '[';
      text.remove_prefix(1);
    }
  }
  return clean;
}

}  // namespace isa::sdk::team
