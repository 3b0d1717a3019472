#pragma once

#include <cstdint>
#include <string_view>

namespace isa::store {

// CRC-32C (Castagnoli, RFC 3720 appendix B.4). `seed` is the checksum of what came before.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0);

// The same without the processor's instruction; for machines that lack it, and for the test that both agree.
std::uint32_t crc32c_portable(std::string_view bytes, std::uint32_t seed = 0);

}  // namespace isa::store
