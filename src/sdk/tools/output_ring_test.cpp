#include "sdk/tools/output_ring.h"

#include <gtest/gtest.h>

#include <random>

namespace isa::sdk {
namespace {

using Stream = OutputRing::Stream;

std::string read_from(const OutputRing& ring, std::uint64_t after) {
  std::string all;
  while (const auto piece = ring.next(after)) {
    all += piece->bytes;
    EXPECT_EQ(after + piece->bytes.size(), piece->end);
    after = piece->end;
  }
  EXPECT_EQ(after, ring.end());
  return all;
}

TEST(OutputRing, GivesWhatFollowsAnyPosition) {
  OutputRing ring(1 << 20);
  ring.append(Stream::out, "hello ");
  ring.append(Stream::out, "world");
  ring.append(Stream::err, "oops");
  const std::string whole = "hello worldoops";
  for (std::uint64_t after = 0; after <= whole.size(); ++after)
    EXPECT_EQ(read_from(ring, after), whole.substr(after));
  EXPECT_EQ(ring.all(Stream::out), "hello world");
  EXPECT_EQ(ring.all(Stream::err), "oops");
}

TEST(OutputRing, APieceIsOfOneStreamAndStreamsKeepTheirOrder) {
  OutputRing ring(1 << 20);
  ring.append(Stream::out, "a");
  ring.append(Stream::err, "b");
  ring.append(Stream::out, "c");
  EXPECT_EQ(ring.next(0)->stream, Stream::out);
  EXPECT_EQ(ring.next(1)->stream, Stream::err);
  EXPECT_EQ(ring.next(2)->bytes, "c");
  EXPECT_FALSE(ring.next(3).has_value());
}

TEST(OutputRing, DropsTheOldestAndStaysBounded) {
  OutputRing ring(64 << 10);
  std::mt19937 random(7);
  std::string whole;
  for (int i = 0; i < 2000; ++i) {
    std::string piece(random() % 400, static_cast<char>('a' + i % 26));
    ring.append(i % 3 == 0 ? Stream::err : Stream::out, piece);
    whole += piece;
    ASSERT_LE(ring.size(), (64U << 10) + (16U << 10));
  }
  EXPECT_EQ(ring.end(), whole.size());
  EXPECT_GT(ring.begin(), 0U);
  EXPECT_EQ(read_from(ring, ring.begin()), whole.substr(static_cast<std::size_t>(ring.begin())));
}

TEST(OutputRing, TakesMoreAtOnceThanItHolds) {
  OutputRing ring(32 << 10);
  ring.append(Stream::out, std::string(1 << 20, 'x'));
  EXPECT_EQ(ring.end(), 1U << 20);
  EXPECT_LE(ring.size(), 32U << 10);
}

}  // namespace
}  // namespace isa::sdk
