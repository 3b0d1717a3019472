// The Range header of a request (RFC 9110, section 14).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace isa::runtime {

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  bool operator==(const ByteRange&) const = default;
};

enum class RangeVerdict { whole, part, unsatisfiable };

// Of a file of `size` bytes. What is no single range of bytes is ignored, as the standard allows: the whole
// file.
RangeVerdict find_range(std::string_view header, std::uint64_t size, ByteRange& range);

}  // namespace isa::runtime
