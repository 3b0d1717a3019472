#include "base/testing.h"
#include "sdk/tool.h"
#include "sdk/tools/memory_book.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace isa::sdk {
namespace {

struct MemoryTools : ::testing::Test {
  isa::testing::TempFolder folder;
  ToolBox box = make_box();

  ToolBox make_box() {
    WorkspaceOptions options;
    options.path = folder.path();
    return ToolBox(workspace_tools(std::move(options)).value(), known_tool_names());
  }
  ToolOutput call(std::string tool, json::object arguments) {
    const auto part = Part::make_tool_call("1", std::move(tool), json::serialize(arguments));
    return isa::testing::run(box.call(part, Deadline::never()));
  }
  ToolOutput store(std::string content, json::object more = {}) {
    more["content"] = std::move(content);
    return call("memory_store", std::move(more));
  }
  json::array search(json::object arguments) {
    const auto output = call("memory_search", std::move(arguments));
    EXPECT_FALSE(output.is_error) << output.text;
    return json::parse(output.text).value().at("results").as_array();
  }
  std::vector<std::string> keys(json::object arguments) {
    std::vector<std::string> keys;
    for (const auto& found : search(std::move(arguments))) keys.emplace_back(found.at("key").as_string());
    return keys;
  }
  std::filesystem::path file() { return folder / ".isa/memory.db"; }
};

using Keys = std::vector<std::string>;

TEST_F(MemoryTools, FindTheBestMatchFirstInALaterTurn) {
  store("The deploy key of the staging server is in the vault.", {{"key", "a"}});
  store("Deploying: run make deploy; deploy only on Mondays.", {{"key", "b"}});
  store("The cat is called Minka.", {{"key", "c"}});
  box = make_box();

  EXPECT_EQ(keys({{"query", "how do I deploy?"}}), (Keys{"b", "a"}));
  EXPECT_EQ(search({{"query", "CATS"}}).at(0).at("content").as_string(), "The cat is called Minka.");
  EXPECT_EQ(keys({{"query", "elephant"}}), Keys{});
  EXPECT_EQ(keys({{"query", "deploy"}, {"limit", 1}}), Keys{"b"});
}

TEST_F(MemoryTools, ReplaceAndForgetByKey) {
  store("tea", {{"key", "drink"}});
  store("coffee", {{"key", "drink"}});

  EXPECT_EQ(keys({{"query", "tea"}}), Keys{});
  EXPECT_EQ(keys({{"query", "coffee"}}), Keys{"drink"});
  EXPECT_EQ(store("", {{"key", "drink"}}).text, R"({"forgotten":true,"key":"drink"})");
  EXPECT_EQ(store("", {{"key", "drink"}}).text, R"({"forgotten":false,"key":"drink"})");
  EXPECT_EQ(keys({}), Keys{});
}

TEST_F(MemoryTools, GiveAKeyToWhatHasNone) {
  EXPECT_EQ(store("one").text, R"({"key":"memory-1"})");
  EXPECT_EQ(store("two").text, R"({"key":"memory-2"})");
  EXPECT_EQ(keys({}), (Keys{"memory-2", "memory-1"}));
}

TEST_F(MemoryTools, FilterByWholeTags) {
  store("x one", {{"key", "a"}, {"tags", json::array{"red", "big car"}}});
  store("x two", {{"key", "b"}, {"tags", json::array{"redder"}}});

  EXPECT_EQ(keys({{"query", "x"}, {"tags", json::array{"red"}}}), Keys{"a"});
  EXPECT_EQ(keys({{"tags", json::array{"red", "big car"}}}), Keys{"a"});
  EXPECT_EQ(keys({{"tags", json::array{"car"}}}), Keys{});
  EXPECT_EQ(json::serialize(search({{"key", "a"}}).at(0).at("tags")), R"(["red","big car"])");
}

TEST_F(MemoryTools, ShowAPassageOfALongTextAndAllOfItByKey) {
  std::string text;
  for (int i = 0; i < 600; ++i) text += i == 400 ? "needle " : "hay ";
  store(text, {{"key", "long"}});

  const auto found = search({{"query", "needle"}}).at(0);
  EXPECT_FALSE(found.as_object().contains("content"));
  EXPECT_NE(found.at("snippet").as_string().find("needle"), std::string::npos);
  EXPECT_LT(found.at("snippet").as_string().size(), 500U);
  EXPECT_EQ(search({{"key", "long"}}).at(0).at("content").as_string(), text);
}

TEST_F(MemoryTools, TakeAnyQueryForPlainWords) {
  store("it is \"quoted\" NEAR here", {{"key", "a"}});

  for (const std::string query :
       {"\"", "NEAR(", "a AND", "quoted\" OR", "content:quoted", "-quoted", "^quoted*", "(", "{a b}:c",
        "'; DROP TABLE memories; --", "\xC3\xA4\xE2\x82\xAC", "a\nb\tc", "NOT", "+"}) {
    const auto output = call("memory_search", {{"query", query}});
    EXPECT_FALSE(output.is_error) << query << ": " << output.text;
  }
  EXPECT_EQ(keys({{"query", std::string("quoted\0x", 8)}}), Keys{"a"});
  EXPECT_EQ(keys({{"query", "!?"}}), Keys{});
  EXPECT_EQ(fts_query("it's \"a\""), R"("it" OR "s" OR "a")");
}

TEST_F(MemoryTools, RefuseWhatIsTooLarge) {
  EXPECT_TRUE(store("").is_error);
  EXPECT_NE(store(std::string(20'000, 'x')).text.find("/content"), std::string::npos);
  EXPECT_TRUE(store("x", {{"key", ""}}).is_error);
  EXPECT_TRUE(store("x", {{"tags", json::array{"a|b"}}}).is_error);
  EXPECT_TRUE(call("memory_search", {{"query", "x"}, {"limit", 51}}).is_error);
  EXPECT_TRUE(call("memory_search", {{"query", std::string(3000, 'x')}}).is_error);
}

TEST_F(MemoryTools, SayWhenTheFileIsDamagedAndGoOnWithANewOne) {
  store("one", {{"key", "a"}});
  std::ofstream(file()) << "this is no database, but it is long enough to look at; " << std::string(600, 'x');

  const auto failed = call("memory_search", {{"query", "one"}});
  EXPECT_TRUE(failed.is_error);
  EXPECT_NE(failed.text.find("sets it aside"), std::string::npos) << failed.text;

  const auto stored = store("two", {{"key", "b"}});
  EXPECT_FALSE(stored.is_error) << stored.text;
  EXPECT_NE(stored.text.find("memory.db.damaged"), std::string::npos) << stored.text;
  EXPECT_EQ(keys({}), Keys{"b"});
  EXPECT_TRUE(std::filesystem::exists(folder / ".isa/memory.db.damaged"));
}

TEST_F(MemoryTools, FollowNoLinkOutOfTheWorkspace) {
  isa::testing::TempFolder outside;
  std::ofstream(outside / "theirs") << "untouched";
  std::filesystem::create_directories(folder / ".isa");
  std::filesystem::create_symlink(outside / "theirs", file());

  EXPECT_TRUE(call("memory_search", {{"query", "x"}}).is_error);
  EXPECT_TRUE(store("x").is_error);
  EXPECT_EQ(std::filesystem::file_size(outside / "theirs"), 9U);
}

TEST(MemoryBook, TakesNoFileWithAnotherSchema) {
  auto book = MemoryBook::open("", Deadline::never()).value();
  EXPECT_TRUE(book.store({"a", "text", {}, "now"}).has_value());
  auto bytes = book.bytes().value();
  EXPECT_TRUE(MemoryBook::open(bytes, Deadline::never()).has_value());

  const auto at = bytes.find("CREATE VIRTUAL TABLE memories");
  ASSERT_NE(at, std::string::npos);
  bytes.replace(bytes.find("porter", at), 6, "PORTER");
  const auto refused = MemoryBook::open(bytes, Deadline::never());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind(), ErrorKind::validation_error);
}

TEST(MemoryBook, EndsAtItsDeadline) {
  auto book = MemoryBook::open("", Deadline::never()).value();
  for (int i = 0; i < 300; ++i)
    ASSERT_TRUE(book.store({"", "word number " + std::to_string(i), {}, "now"}).has_value());
  const auto bytes = book.bytes().value();

  const auto late = MemoryBook::open(bytes, Deadline::after(std::chrono::seconds(-1)));
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().kind(), ErrorKind::timeout);
}

TEST(MemoryBook, SurvivesAnyDamagedByte) {
  auto book = MemoryBook::open("", Deadline::never()).value();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(book.store({"", "some words here", {"tag"}, "now"}).has_value());
  const auto bytes = book.bytes().value();
  for (std::size_t at = 0; at < bytes.size(); at += 97) {
    auto broken = bytes;
    broken[at] = static_cast<char>(broken[at] ^ 0x5A);
    auto opened = MemoryBook::open(broken, Deadline::after(std::chrono::seconds(5)));
    if (!opened) continue;
    const auto hits = opened->search({.query = "words", .key = {}, .tags = {}});
    if (hits) EXPECT_LE(hits->found.size(), 10U);
  }
}

}  // namespace
}  // namespace isa::sdk
