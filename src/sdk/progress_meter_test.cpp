#include "sdk/progress_meter.h"

#include "base/utf8.h"

#include <gtest/gtest.h>

namespace isa::sdk {
namespace {

using namespace std::chrono_literals;
using Clock = ProgressMeter::Clock;

const Clock::time_point kBegin{};

TEST(ProgressMeter, HasNothingToTellOfAShortCall) {
  ProgressMeter meter(kBegin);
  EXPECT_EQ(meter.due(), Clock::time_point::max());
  meter.add({.text = "x"});
  EXPECT_EQ(meter.due(), kBegin + 1s);
}

TEST(ProgressMeter, TellsAllThatIsNewAndThenWaits) {
  ProgressMeter meter(kBegin);
  meter.add({.text = "a"});
  meter.add({.text = "b", .percent = 50.0});
  const auto news = meter.take(kBegin + 3s);
  EXPECT_EQ(news.text, "ab");
  EXPECT_EQ(news.percent, 50.0);
  EXPECT_FALSE(meter.has_news());
  meter.add({.text = "c"});
  EXPECT_EQ(meter.due(), kBegin + 4s);
  EXPECT_EQ(meter.take(kBegin + 4s).text, "c");
}

TEST(ProgressMeter, TellsLessOftenOfALongCall) {
  ProgressMeter meter(kBegin);
  auto at = kBegin;
  for (int i = 0; i < 20; ++i) {
    meter.add({.text = "x"});
    EXPECT_EQ(meter.due() - at, i < 10 ? 1s : 5s) << i;
    at = meter.due();
    meter.take(at);
  }
}

TEST(ProgressMeter, KeepsTheEndOfALongTextAndSaysSo) {
  ProgressMeter meter(kBegin);
  for (int i = 0; i < 10'000; ++i) meter.add({.text = "0123456789"});
  meter.add({.text = "the end"});
  const auto news = meter.take(kBegin);
  EXPECT_TRUE(news.text.starts_with("[...]")) << news.text;
  EXPECT_TRUE(news.text.ends_with("789the end")) << news.text;
  EXPECT_LE(news.text.size(), 1100u);
  meter.add({.text = "short"});
  EXPECT_EQ(meter.take(kBegin).text, "short") << "what was cut off before is no matter of what comes later";
}

TEST(ProgressMeter, WaitsForTheRestOfACharacter) {
  ProgressMeter meter(kBegin);
  meter.add({.text = "gr\xC3"});
  EXPECT_EQ(meter.take(kBegin).text, "gr");
  meter.add({.text = "\xBCn"});
  EXPECT_EQ(meter.take(kBegin).text, "\xC3\xBCn");
}

TEST(ProgressMeter, CutsALongTextBetweenCharacters) {
  ProgressMeter meter(kBegin);
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "\xE2\x82\xAC";
  meter.add({.text = text + "x"});
  EXPECT_TRUE(is_utf8(meter.take(kBegin).text));
}

}  // namespace
}  // namespace isa::sdk
