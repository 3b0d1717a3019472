#include "cloud_os/disk_usage.h"

#include "base/testing.h"

#include <gtest/gtest.h>

#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;
using isa::testing::TempFolder;

void write(const fs::path& path, std::size_t bytes) {
  std::ofstream(path) << std::string(bytes, 'x');
}

TEST(DiskUsage, CountsWhatFilesTake) {
  const TempFolder folder;
  fs::create_directories(folder.path() / "a/b");
  const auto before = measure_disk(folder.path()).bytes;
  write(folder.path() / "one", 1 << 20);
  write(folder.path() / "a/b/two", 2 << 20);
  const auto used = measure_disk(folder.path());
  EXPECT_GE(used.bytes - before, 3 << 20);
  EXPECT_LT(used.bytes - before, 4 << 20);
  EXPECT_FALSE(used.is_beyond_measure);
}

TEST(DiskUsage, CountsAFileWithTwoNamesOnceAndAHoleNotAtAll) {
  const TempFolder folder;
  write(folder.path() / "one", 1 << 20);
  fs::create_hard_link(folder.path() / "one", folder.path() / "again");
  write(folder.path() / "hole", 1);
  fs::resize_file(folder.path() / "hole", 1 << 30);
  EXPECT_LT(measure_disk(folder.path()).bytes, 2 << 20);
}

TEST(DiskUsage, FollowsNoLink) {
  const TempFolder folder, elsewhere;
  write(elsewhere.path() / "large", 4 << 20);
  fs::create_directory_symlink(elsewhere.path(), folder.path() / "link");
  fs::create_symlink(elsewhere.path() / "large", folder.path() / "file");
  fs::create_directory_symlink(folder.path(), folder.path() / "loop");
  EXPECT_LT(measure_disk(folder.path()).bytes, 1 << 20);
}

TEST(DiskUsage, SaysWhenATreeIsTooDeepToBeMeasured) {
  const TempFolder folder;
  int at = ::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 400; ++i) {
    ASSERT_EQ(::mkdirat(at, "d", 0755), 0);
    const int next = ::openat(at, "d", O_RDONLY | O_DIRECTORY);
    ::close(at);
    at = next;
  }
  ::close(at);
  EXPECT_TRUE(measure_disk(folder.path()).is_beyond_measure);
}

TEST(DiskUsage, OfNothingIsNothing) {
  EXPECT_EQ(measure_disk("/nonexistent").bytes, 0);
}

}  // namespace
}  // namespace isa::cloud_os
