#include "cloud_os/remove_tree.h"

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

void make_deep(const fs::path& top, int depth) {
  int at = ::open(top.c_str(), O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < depth; ++i) {
    ASSERT_EQ(::mkdirat(at, "deep", 0700), 0);
    ::close(::openat(at, "file", O_WRONLY | O_CREAT, 0600));
    const int next = ::openat(at, "deep", O_RDONLY | O_DIRECTORY);
    ::close(at);
    at = next;
  }
  ::close(at);
}

TEST(RemoveTree, WhatIsNotThereIsRemoved) {
  const TempFolder host;
  EXPECT_TRUE(remove_tree(host / "none").has_value());
}

TEST(RemoveTree, ADepthThatNoPathReachesIsNoObstacle) {
  const TempFolder host;
  fs::create_directory(host / "tree");
  make_deep(host / "tree", 1500);
  const auto removed = remove_tree(host / "tree");
  EXPECT_TRUE(removed.has_value()) << removed.error().message();
  EXPECT_FALSE(fs::exists(host / "tree"));
}

TEST(RemoveTree, FoldersThatAreClosedToEverybodyAreOpened) {
  const TempFolder host;
  fs::create_directories(host / "tree/closed/inner");
  std::ofstream(host / "tree/closed/inner/file") << "x";
  fs::permissions(host / "tree/closed/inner", fs::perms::none);
  fs::permissions(host / "tree/closed", fs::perms::none);
  const auto removed = remove_tree(host / "tree");
  EXPECT_TRUE(removed.has_value()) << removed.error().message();
  EXPECT_FALSE(fs::exists(host / "tree"));
}

TEST(RemoveTree, LinksAreRemovedAndNotFollowed) {
  const TempFolder host;
  fs::create_directory(host / "kept");
  std::ofstream(host / "kept/file") << "x";
  fs::create_directories(host / "tree/inner");
  fs::create_directory_symlink(host / "kept", host / "tree/inner/link");
  fs::create_symlink("itself", host / "tree/itself");
  ASSERT_TRUE(remove_tree(host / "tree").has_value());
  EXPECT_TRUE(fs::exists(host / "kept/file"));
  fs::create_directory_symlink(host / "kept", host / "link");
  ASSERT_TRUE(remove_tree(host / "link").has_value());
  EXPECT_TRUE(fs::exists(host / "kept/file"));
  EXPECT_FALSE(fs::exists(fs::symlink_status(host / "link")));
}

TEST(RemoveTree, NamesThatItWouldGiveItselfAreTakenAlready) {
  const TempFolder host;
  for (const char* name : {"1/1/1/1", "1/2/1", "2/1/2", "3"}) fs::create_directories(host / "tree" / name);
  std::ofstream(host / "tree/1/1/2") << "x";
  EXPECT_TRUE(remove_tree(host / "tree").has_value());
  EXPECT_FALSE(fs::exists(host / "tree"));
}

TEST(RemoveTree, ThousandsOfFilesFifosAndStrangeNamesGo) {
  const TempFolder host;
  fs::create_directories(host / "tree/many");
  for (int i = 0; i < 3000; ++i) std::ofstream(host / "tree/many" / std::to_string(i)) << "x";
  ASSERT_EQ(::mkfifo((host / "tree/fifo").c_str(), 0600), 0);
  std::ofstream(host / "tree/with\nnewline") << "x";
  EXPECT_TRUE(remove_tree(host / "tree").has_value());
  EXPECT_FALSE(fs::exists(host / "tree"));
}

}  // namespace
}  // namespace isa::cloud_os
