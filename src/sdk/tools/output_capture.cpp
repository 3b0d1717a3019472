#include "sdk/tools/output_capture.h"

#include "base/utf8.h"

#include <fmt/format.h>

#include <algorithm>

namespace isa::sdk {

void OutputCapture::add(std::string_view piece) {
  size_ += piece.size();
  const std::size_t to_head = std::min(piece.size(), half_ - head_.size());
  head_ += piece.substr(0, to_head);
  piece.remove_prefix(to_head);
  if (piece.size() >= half_) {
    tail_ = piece.substr(piece.size() - half_);
    return;
  }
  tail_ += piece;
  if (tail_.size() > 2 * half_) tail_.erase(0, tail_.size() - half_);
}

std::string_view OutputCapture::kept_tail() const {
  return std::string_view(tail_).substr(tail_.size() - std::min(tail_.size(), half_));
}

std::string OutputCapture::text() const {
  if (!is_cut()) return to_valid_utf8(head_ + tail_);
  const auto head = cut_utf8(head_, head_.size() - 1);
  auto tail = kept_tail();
  for (int i = 0; i < 3 && !tail.empty() && (static_cast<unsigned char>(tail[0]) & 0xC0) == 0x80; ++i)
    tail.remove_prefix(1);
  return to_valid_utf8(
      fmt::format("{}\n[... {} bytes left out ...]\n{}", head, size_ - head.size() - tail.size(), tail));
}

}  // namespace isa::sdk
