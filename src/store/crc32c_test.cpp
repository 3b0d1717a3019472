#include "store/crc32c.h"

#include "base/ids.h"

#include <gtest/gtest.h>

namespace isa::store {
namespace {

// The vectors of RFC 3720, appendix B.4.
TEST(Crc32c, MatchesThePublishedVectors) {
  std::string ascending;
  for (char c = 0; c < 32; ++c) ascending.push_back(c);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c(ascending), 0x46dd794eU);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(Crc32c, IsTheSameWithAndWithoutTheProcessorsInstruction) {
  const auto bytes = random_hex(100);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto part = std::string_view(bytes).substr(0, size);
    EXPECT_EQ(crc32c(part, 7), crc32c_portable(part, 7)) << size;
  }
}

TEST(Crc32c, ContinuesFromTheChecksumOfWhatCameBefore) {
  EXPECT_EQ(crc32c("6789", crc32c("12345")), crc32c("123456789"));
}

}  // namespace
}  // namespace isa::store
