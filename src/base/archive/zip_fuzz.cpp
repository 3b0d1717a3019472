// An archive as anybody may upload it: what it holds, if anything, stays within its bounds.
#include "base/archive/zip.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const isa::ZipLimits limits{.files = 20, .unpacked_bytes = 1 << 20, .ratio = 100};
  const auto files = isa::read_zip({reinterpret_cast<const char*>(data), size}, limits);
  if (!files) return 0;
  if (files->size() > limits.files || !isa::check_packed_paths(*files)) std::abort();
  std::size_t total = 0;
  for (const auto& file : *files) total += file.content.size();
  if (total > limits.unpacked_bytes || total > size * limits.ratio) std::abort();
  return 0;
}
