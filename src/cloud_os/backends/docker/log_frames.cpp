#include "cloud_os/backends/docker/log_frames.h"

#include <cstdint>

namespace isa::cloud_os::docker {
namespace {

constexpr std::size_t kHeadSize = 8;

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

bool is_head(std::string_view head) {
  return head[0] >= 0 && head[0] <= 2 && head.substr(1, 3) == std::string_view("\0\0\0", 3);
}

}  // namespace

std::string text_of_frames(std::string_view stream) {
  std::string text;
  while (stream.size() >= kHeadSize && is_head(stream)) {
    const std::size_t size = big_endian(stream.substr(4, 4));
    stream.remove_prefix(kHeadSize);
    const auto piece = stream.substr(0, size);
    text.append(piece);
    stream.remove_prefix(piece.size());
  }
  return text;
}

}  // namespace isa::cloud_os::docker
