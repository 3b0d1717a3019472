#include "sdk/web/markdown_writer.h"

#include <algorithm>
#include <utility>

namespace isa::sdk {
namespace {

constexpr std::size_t kPrefixesMax = 8;
constexpr std::string_view kBlanks = " \t\r\n\f";

}  // namespace

void MarkdownWriter::push_prefix(std::string_view prefix) {
  prefixes_.emplace_back(prefixes_.size() < kPrefixesMax ? prefix : std::string_view());
}

void MarkdownWriter::pop_prefix() {
  if (!prefixes_.empty()) prefixes_.pop_back();
}

void MarkdownWriter::settle() {
  if (holds_breaks_ && due_ > 0) {
    due_ = 0;
    has_blank_ = true;
  }
  if (text_.empty()) {
    due_ = 0;
    has_blank_ = false;
    for (const auto& prefix : prefixes_) text_ += prefix;
    return;
  }
  if (due_ > 0) {
    for (; due_ > 0; --due_) {
      text_ += '\n';
      const auto begin = text_.size();
      for (const auto& prefix : prefixes_) text_ += prefix;
      // An empty line ends in no blank.
      if (due_ > 1) text_.resize(std::max(begin, text_.find_last_not_of(' ') + 1));
    }
    has_blank_ = false;
  }
  if (std::exchange(has_blank_, false) && !text_.ends_with(' ')) text_ += ' ';
}

void MarkdownWriter::text(std::string_view text) {
  while (!text.empty() && !is_full()) {
    const auto begin = text.find_first_not_of(kBlanks);
    if (begin != 0) has_blank_ = true;
    if (begin == std::string_view::npos) return;
    const auto end = std::min(text.find_first_of(kBlanks, begin), text.size());
    settle();
    text_ += text.substr(begin, end - begin);
    text.remove_prefix(end);
  }
}

void MarkdownWriter::verbatim(std::string_view text) {
  while (!text.empty() && !is_full()) {
    const auto end = text.find('\n');
    if (end != 0) {
      settle();
      text_ += text.substr(0, end);
    }
    if (end == std::string_view::npos) return;
    if (due_ > 0) settle();
    ++due_;
    text.remove_prefix(end + 1);
  }
}

void MarkdownWriter::mark(std::string_view text) {
  if (is_full()) return;
  settle();
  text_ += text;
}

std::string MarkdownWriter::take() {
  return std::move(text_);
}

}  // namespace isa::sdk
