#include "store/event_codec.h"

#include <gtest/gtest.h>

namespace isa::store {
namespace {

std::string packed() {
  return pack_events({{1, std::make_shared<const std::string>("one")},
                      {2, std::make_shared<const std::string>("")},
                      {9, std::make_shared<const std::string>("nine")}});
}

TEST(EventCodec, UnpacksWhatItPackedFromASeqOn) {
  const auto all = unpack_events(packed(), 0).value();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(*all[0].json, "one");
  EXPECT_EQ(*all[1].json, "");
  EXPECT_EQ(all[2].seq, 9);
  EXPECT_EQ(unpack_events(packed(), 2)->size(), 1U);
  EXPECT_TRUE(unpack_events(packed(), 9)->empty());
  EXPECT_TRUE(unpack_events("", 0)->empty());
}

TEST(EventCodec, RefusesBytesThatEndInTheMiddle) {
  const auto whole = packed();
  const auto first = pack_events({{1, std::make_shared<const std::string>("one")}}).size();
  for (std::size_t size = first + 1; size < first + 12; ++size)
    EXPECT_FALSE(unpack_events(whole.substr(0, size), 0)) << size;
  EXPECT_FALSE(unpack_events(whole.substr(0, whole.size() - 1), 0));
}

}  // namespace
}  // namespace isa::store
