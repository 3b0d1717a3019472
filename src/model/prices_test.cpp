#include "model/prices.h"

#include "model/list_prices.h"
#include "model/price_book.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

namespace isa::model {
namespace {

Price price(std::string_view text) {
  const auto parsed = parse_price(text);
  EXPECT_TRUE(parsed) << parsed.error().message();
  return parsed.value_or(Price{});
}

TEST(Price, IsReadAsItIsWritten) {
  const auto read = price("input=0.1 output=10 cached_input=0.000001 cache_write=3.125");
  EXPECT_EQ(read.input, 100'000);
  EXPECT_EQ(read.output, 10'000'000);
  EXPECT_EQ(read.cached_input, 1);
  EXPECT_EQ(read.cache_write, 3'125'000);
  EXPECT_FALSE(price("input=0 output=0").cached_input);
}

TEST(Price, ThatIsWrongIsAnErrorThatSaysWhat) {
  const std::pair<const char*, const char*> wrong[] = {
      {"input=1", "output is missing"},
      {"output=1", "input is missing"},
      {"", "input is missing"},
      {"input=-1 output=1", "'-1' is no price"},
      {"input=1e3 output=1", "'1e3' is no price"},
      {"input=nan output=1", "'nan' is no price"},
      {"input= output=1", "'' is no price"},
      {"input=1. output=1", "'1.' is no price"},
      {"input=.5 output=1", "'.5' is no price"},
      {"input=1 output=0.0000001", "more than 6 decimals"},
      {"input=1 input=2 output=1", "twice"},
      {"input=1 output=1 ouput=2", "'ouput' is none of"},
      {"input=1 output", "'output' is no price"},
      {"input=1000000 output=1", "below 1000000"},
      {"input=99999999999999999999 output=1", "below 1000000"}};
  for (const auto& [text, says] : wrong) {
    const auto read = parse_price(text);
    ASSERT_FALSE(read) << text;
    EXPECT_NE(read.error().message().find(says), std::string::npos) << read.error().message();
  }
}

TEST(Cost, CountsEveryTokenOnceAtItsOwnPrice) {
  const auto all = price("input=3 output=15 cached_input=0.3 cache_write=3.75");
  // 12 fresh, 100 written, 2000 read from the cache, 15 out: 36 + 375 + 600 + 225 millionths of a dollar.
  const sdk::Usage usage{
      .input_tokens = 2112, .output_tokens = 15, .cached_input_tokens = 2000, .cache_write_tokens = 100};
  EXPECT_EQ(cost_of(all, usage).text(), "0.001236");
  // What has no price of its own costs as input: (2112 * 3 + 15 * 15) millionths.
  EXPECT_EQ(cost_of(price("input=3 output=15"), usage).text(), "0.006561");
}

TEST(Cost, IsRoundedUpOnceForAWholeCall) {
  const auto tiny = price("input=0.0001 output=0.0001");  // A tenth of a billionth for a token.
  EXPECT_EQ(cost_of(tiny, {.input_tokens = 1}).nanos(), 1);
  EXPECT_EQ(cost_of(tiny, {.input_tokens = 4, .output_tokens = 6}).nanos(), 1);
  EXPECT_EQ(cost_of(tiny, {.input_tokens = 5, .output_tokens = 6}).nanos(), 2);
  EXPECT_EQ(cost_of(tiny, {}).nanos(), 0);
}

TEST(Cost, OfNumbersThatMakeNoSenseIsNeverNegativeAndNeverRunsOver) {
  const auto most = price("input=999999 output=999999 cached_input=0");
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(cost_of(most, {.input_tokens = kMost, .output_tokens = kMost}).nanos(), kMost);
  EXPECT_EQ(cost_of(most, {.input_tokens = 5, .cached_input_tokens = 100}).nanos(), 0);
  EXPECT_EQ(cost_of(most, {.input_tokens = -5, .output_tokens = -7}).nanos(), 0);
}

TEST(PriceList, FindsTheExactNameBeforeTheLongestThatBeginsLikeIt) {
  const auto list = PriceList::parse(
      "openai/* input=1 output=1, openai/gpt-* input=2 output=2,openai/gpt-4o input=3 output=3");
  ASSERT_TRUE(list) << list.error().message();
  EXPECT_EQ(list->find("openai/gpt-4o")->input, 3'000'000);
  EXPECT_EQ(list->find("openai/gpt-4o-mini")->input, 2'000'000);
  EXPECT_EQ(list->find("openai/llama")->input, 1'000'000);
  EXPECT_FALSE(list->find("anthropic/claude"));
}

TEST(PriceList, IsShownAsItCanBeReadAgain) {
  const auto text =
      "builtin/demo input=0.5 output=2 cached_input=0.25,openai/* input=0 output=0 cache_write=1";
  const auto list = PriceList::parse(text);
  ASSERT_TRUE(list) << list.error().message();
  EXPECT_EQ(list->text(), text);
  EXPECT_EQ(PriceList::parse("")->text(), "");
}

TEST(PriceList, RefusesWhatCouldNeverBeFound) {
  const std::pair<const char*, const char*> wrong[] = {
      {"gpt-4o input=1 output=1", "'gpt-4o' is no model"},
      {"openai/ input=1 output=1", "is no model"},
      {"opnai/gpt-4o input=1 output=1", "must be builtin, openai or anthropic"},
      {"openai/*4o input=1 output=1", "at the end only"},
      {"openai/a input=1 output=1,openai/a input=2 output=2", "openai/a has two prices"},
      {"openai/a input=1", "openai/a: output is missing"}};
  for (const auto& [text, says] : wrong) {
    const auto list = PriceList::parse(text);
    ASSERT_FALSE(list) << text;
    EXPECT_NE(list.error().message().find(says), std::string::npos) << list.error().message();
  }
}

TEST(PriceList, AsASettingNamesTheSettingAndWhereItStands) {
  const config::Source source{{"model.prices", {"openai/a input=x output=1", "isa.yaml:3"}}};
  std::set<std::string, std::less<>> unread;
  const auto read = config::read<Settings>(source, unread);
  ASSERT_FALSE(read);
  EXPECT_TRUE(read.error().message().starts_with("model.prices (from isa.yaml:3): openai/a: input: 'x'"))
      << read.error().message();
}

TEST(ListPrices, AreAllReadableAndNamedOnce) {
  std::set<std::string_view> names;
  for (const auto& listed : list_prices()) {
    EXPECT_TRUE(parse_price(listed.price)) << listed.model_id;
    EXPECT_TRUE(names.insert(listed.model_id).second) << listed.model_id;
    EXPECT_TRUE(PriceList::parse(fmt::format("{} {}", listed.model_id, listed.price))) << listed.model_id;
  }
}

TEST(PriceBook, KnowsTheListPricesOfTheMakersOwnServicesOnly) {
  Settings settings;
  EXPECT_EQ(PriceBook(settings).find("openai/gpt-4o"), price("input=2.5 cached_input=1.25 output=10"));
  EXPECT_TRUE(PriceBook(settings).find("anthropic/claude-haiku-4-5"));
  EXPECT_FALSE(PriceBook(settings).find("openai/gpt-4o-2024-05-13")) << "another date, another price";
  settings.openai_base_url = "http://127.0.0.1:11434/v1";
  EXPECT_FALSE(PriceBook(settings).find("openai/gpt-4o")) << "whatever is called so there";
  EXPECT_TRUE(PriceBook(settings).find("anthropic/claude-haiku-4-5"));
}

TEST(PriceBook, TheSettingsWinAndTheDemoModelIsFreeUnlessTheySayOtherwise) {
  Settings settings;
  EXPECT_EQ(PriceBook(settings).find("builtin/demo"), Price{});
  settings.prices = PriceList::parse("openai/gpt-4o input=7 output=7,builtin/* input=1 output=2").value();
  EXPECT_EQ(PriceBook(settings).find("openai/gpt-4o"), price("input=7 output=7"));
  EXPECT_EQ(PriceBook(settings).find("builtin/demo"), price("input=1 output=2"));
  EXPECT_FALSE(PriceBook(settings).find("openai/nobody-knows"));
}

}  // namespace
}  // namespace isa::model
