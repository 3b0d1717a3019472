#include "base/settings.h"

#include <gtest/gtest.h>

namespace isa::config {
namespace {

using std::chrono::milliseconds;

struct Section {
  std::string name = "isa";
  std::int64_t count = 3;
  double ratio = 0.5;
  bool enabled = true;
  milliseconds wait{250};
  std::vector<std::string> hosts{"a", "b"};
  std::string key;

  static constexpr auto settings() {
    return std::tuple(
        setting("s.name", &Section::name, "a name"), setting("s.count", &Section::count, "a count"),
        setting("s.ratio", &Section::ratio, "a ratio"), setting("s.enabled", &Section::enabled, "a flag"),
        setting("s.wait", &Section::wait, "a duration"), setting("s.hosts", &Section::hosts, "a list"),
        secret("s.key", &Section::key, "a secret"));
  }
};

Result<Section> read_from(const std::map<std::string, std::string>& texts) {
  Source source;
  std::set<std::string, std::less<>> unread;
  for (const auto& [name, text] : texts) {
    source[name] = {text, "isa.yaml:7"};
    unread.insert(name);
  }
  return read<Section>(source, unread);
}

TEST(Settings, KeepDefaultsWhereNothingIsSaid) {
  const auto section = read_from({}).value();
  EXPECT_EQ(section.name, "isa");
  EXPECT_EQ(section.wait, milliseconds(250));
}

TEST(Settings, ReadEveryKindOfValue) {
  const auto section = read_from({{"s.name", "x"},
                                  {"s.count", "-12"},
                                  {"s.ratio", "2.5"},
                                  {"s.enabled", "off"},
                                  {"s.wait", "5m"},
                                  {"s.hosts", " one, two ,,three"}})
                           .value();
  EXPECT_EQ(section.name, "x");
  EXPECT_EQ(section.count, -12);
  EXPECT_EQ(section.ratio, 2.5);
  EXPECT_FALSE(section.enabled);
  EXPECT_EQ(section.wait, std::chrono::minutes(5));
  EXPECT_EQ(section.hosts, (std::vector<std::string>{"one", "two", "three"}));
}

TEST(Settings, LeaveInUnreadWhatTheyDoNotKnow) {
  Source source{{"s.name", {"x", "env"}}, {"s.nmae", {"y", "env"}}};
  std::set<std::string, std::less<>> unread{"s.name", "s.nmae"};

  ASSERT_TRUE(read<Section>(source, unread));

  EXPECT_EQ(unread, (std::set<std::string, std::less<>>{"s.nmae"}));
}

TEST(Settings, AnErrorNamesTheSettingItsOriginAndTheRule) {
  EXPECT_EQ(read_from({{"s.count", "many"}}).error().message(),
            "s.count (from isa.yaml:7): 'many' is not an integer");
  EXPECT_EQ(read_from({{"s.wait", "10"}}).error().message(),
            "s.wait (from isa.yaml:7): '10' is not a duration such as 250ms, 30s, 5m or 2h");
}

TEST(Settings, RefuseValuesOfTheWrongKind) {
  for (const std::string text : {"", "1.5", "0x10", "9223372036854775808", " 1", "1 "})
    EXPECT_FALSE(read_from({{"s.count", text}})) << text;
  for (const std::string text : {"", "abc", "1,5", "nan", "inf", "-inf", "1e999"})
    EXPECT_FALSE(read_from({{"s.ratio", text}})) << text;
  for (const std::string text : {"", "TRUE", "2"}) EXPECT_FALSE(read_from({{"s.enabled", text}})) << text;
  for (const std::string text : {"", "s", "-5s", "5 s", "5d", "1.5s", "9223372036854775807h"})
    EXPECT_FALSE(read_from({{"s.wait", text}})) << text;
}

TEST(Settings, AValueThatIsShownCanBeReadAgain) {
  for (const auto wait : {milliseconds(0), milliseconds(1), milliseconds(1500), milliseconds(30'000),
                          milliseconds(300'000), milliseconds(7'200'000)}) {
    milliseconds back{-1};
    ASSERT_TRUE(assign(back, show(wait)));
    EXPECT_EQ(back, wait) << show(wait);
  }
  EXPECT_EQ(show(milliseconds(7'200'000)), "2h");
  EXPECT_EQ(show(std::vector<std::string>{"a", "b"}), "a,b");
}

TEST(Settings, ADescriptionHidesSecrets) {
  Section section;
  section.key = "hunter2";
  std::vector<Description> list;
  describe(section, list);

  ASSERT_EQ(list.size(), 7U);
  EXPECT_EQ(list[4].value, "250ms");
  EXPECT_EQ(list[6].name, "s.key");
  EXPECT_EQ(list[6].value, "***");
}

}  // namespace
}  // namespace isa::config
