#include "runtime/files/byte_range.h"

#include <gtest/gtest.h>

namespace isa::runtime {
namespace {

ByteRange part(std::string_view header, std::uint64_t size) {
  ByteRange range;
  EXPECT_EQ(find_range(header, size, range), RangeVerdict::part) << header;
  return range;
}

RangeVerdict verdict(std::string_view header, std::uint64_t size) {
  ByteRange range;
  return find_range(header, size, range);
}

TEST(ByteRange, NamesBytesFromTheFrontOrTheEnd) {
  EXPECT_EQ(part("bytes=0-0", 10), (ByteRange{0, 1}));
  EXPECT_EQ(part("bytes=2-5", 10), (ByteRange{2, 4}));
  EXPECT_EQ(part("bytes=2-", 10), (ByteRange{2, 8}));
  EXPECT_EQ(part("bytes=-3", 10), (ByteRange{7, 3}));
  EXPECT_EQ(part("bytes=-30", 10), (ByteRange{0, 10}));
  EXPECT_EQ(part("bytes=2-99999999999999999999999", 10), (ByteRange{2, 8}));
}

TEST(ByteRange, BeyondTheEndIsUnsatisfiable) {
  EXPECT_EQ(verdict("bytes=10-", 10), RangeVerdict::unsatisfiable);
  EXPECT_EQ(verdict("bytes=0-", 0), RangeVerdict::unsatisfiable);
  EXPECT_EQ(verdict("bytes=-0", 10), RangeVerdict::unsatisfiable);
}

TEST(ByteRange, WhatIsNoSingleRangeMeansTheWholeFile) {
  for (const auto* header :
       {"", "bytes=", "bytes=-", "bytes=5-2", "bytes=1-2,4-5", "lines=1-2", "bytes=a-b", "bytes= 1-2"})
    EXPECT_EQ(verdict(header, 10), RangeVerdict::whole) << header;
}

}  // namespace
}  // namespace isa::runtime
