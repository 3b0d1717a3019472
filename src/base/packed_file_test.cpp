#include "base/packed_file.h"

#include <gtest/gtest.h>

namespace isa {
namespace {

TEST(PackedFile, OrdinaryPathsAreTaken) {
  for (const auto* path :
       {"SKILL.md", "scripts/run.sh", ".hidden", "a/b/c/d/e/f/g/h", "...", "b..c", "caf\xC3\xA9"})
    EXPECT_TRUE(check_packed_path(path)) << path;
}

TEST(PackedFile, APathThatAFileSystemMayReadOtherwiseIsRefused) {
  for (const auto* path : {"", "/a", "a/", "../a", "a/../b", "a/./b", "a//b", "a\\b", "a\tb", "\xFF", "."})
    EXPECT_FALSE(check_packed_path(path)) << path;
}

TEST(PackedFile, TheHashIsOfWhatTheFilesSay) {
  const std::vector<PackedFile> files{{"a", "1"}, {"b", "2"}};
  EXPECT_EQ(content_hash(files), content_hash({{"b", "2"}, {"a", "1"}}));
  EXPECT_EQ(content_hash(files).size(), 64U);
  for (const auto& other : std::vector<std::vector<PackedFile>>{{{"a", "1"}},
                                                                {{"a", "1"}, {"b", "3"}},
                                                                {{"a", "1"}, {"b", "2", true}},
                                                                {{"a", "1b2"}},
                                                                {{"ab", "12"}}})
    EXPECT_NE(content_hash(files), content_hash(other));
}

}  // namespace
}  // namespace isa
