#include "sdk/tools/output_ring.h"

#include <algorithm>

namespace isa::sdk {
namespace {

// Many small writes share one allocation; the oldest output is dropped in steps of about this size.
constexpr std::size_t kPieceMax = 16 << 10;

}  // namespace

void OutputRing::append(Stream stream, std::string_view bytes) {
  while (!bytes.empty()) {
    const bool has_room =
        !kept_.empty() && kept_.back().stream == stream && kept_.back().bytes.size() < kPieceMax;
    if (!has_room) kept_.push_back({stream, end_, {}});
    auto& last = kept_.back().bytes;
    const auto part = bytes.substr(0, kPieceMax - last.size());
    last += part;
    end_ += part.size();
    bytes.remove_prefix(part.size());
  }
  while (size() > bytes_max_ && kept_.size() > 1) {
    begin_ += kept_.front().bytes.size();
    kept_.pop_front();
  }
}

std::optional<OutputRing::Piece> OutputRing::next(std::uint64_t after) const {
  // The last piece that begins at or before `after`; most readers are near the end.
  auto at = std::ranges::upper_bound(kept_, after, {}, &Kept::begin);
  if (at == kept_.begin()) return std::nullopt;
  --at;
  auto skip = static_cast<std::size_t>(after - at->begin);
  if (skip >= at->bytes.size()) return std::nullopt;
  return Piece{at->stream, std::string_view(at->bytes).substr(skip), at->begin + at->bytes.size()};
}

std::string OutputRing::all(Stream stream) const {
  std::string text;
  for (const auto& one : kept_)
    if (one.stream == stream) text += one.bytes;
  return text;
}

}  // namespace isa::sdk
