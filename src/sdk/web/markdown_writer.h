// Puts Markdown together out of pieces of text and breaks between them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace isa::sdk {

// Blanks collapse as they do in a browser, breaks do not pile up, and every line begins with what the blocks
// around it ask for.
class MarkdownWriter {
 public:
  // Stops taking anything when there are about `max` bytes.
  explicit MarkdownWriter(std::size_t max) : max_(max) {}

  void text(std::string_view text);      // Its blanks collapse.
  void verbatim(std::string_view text);  // Every line of it stays as it is.
  void mark(std::string_view text);      // Markup: after the breaks and the blank that are due.
  void break_line() { due_ = std::max(due_, 1); }
  void break_block() { due_ = std::max(due_, 2); }
  void discard_breaks() {
    due_ = 0;
    has_blank_ = false;
  }

  // Of the lines that follow. Beyond a depth that nobody reads it is not shown any more.
  void push_prefix(std::string_view prefix);
  void pop_prefix();

  // In a table a line must not end, whatever a cell holds.
  void hold_breaks(bool hold) { holds_breaks_ = hold; }

  std::size_t size() const { return text_.size(); }
  bool is_full() const { return text_.size() >= max_; }
  // What was written since that size(); and the way back to it.
  std::string_view since(std::size_t size) const { return std::string_view(text_).substr(size); }
  void rewind(std::size_t size) { text_.resize(size); }
  std::string take();

 private:
  void settle();

  std::size_t max_;
  std::string text_;
  std::vector<std::string> prefixes_;
  int due_ = 0;  // Line ends before the next text.
  bool has_blank_ = false;
  bool holds_breaks_ = false;
};

}  // namespace isa::sdk
