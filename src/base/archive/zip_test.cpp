#include "base/archive/zip.h"

#include <gtest/gtest.h>

#include <archive.h>
#include <archive_entry.h>
#include <functional>

namespace isa {
namespace {

struct Odd {
  std::string path;
  std::string content = "x";
  mode_t kind = AE_IFREG;
  std::string link;
};

// What no honest program packs.
std::string zip_of(const std::vector<Odd>& entries, const char* password = nullptr) {
  std::string bytes(1 << 20, '\0');
  std::size_t used = 0;
  archive* to = archive_write_new();
  archive_write_set_format_zip(to);
  if (password) {
    archive_write_set_options(to, "zip:encryption=traditional");
    archive_write_set_passphrase(to, password);
  }
  archive_write_open_memory(to, bytes.data(), bytes.size(), &used);
  for (const auto& one : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, one.path.c_str());
    archive_entry_set_filetype(entry, one.kind);
    archive_entry_set_perm(entry, 0644);
    if (one.kind == AE_IFREG) archive_entry_set_size(entry, static_cast<la_int64_t>(one.content.size()));
    if (!one.link.empty()) archive_entry_set_symlink(entry, one.link.c_str());
    archive_write_header(to, entry);
    if (one.kind == AE_IFREG) archive_write_data(to, one.content.data(), one.content.size());
    archive_entry_free(entry);
  }
  archive_write_close(to);
  archive_write_free(to);
  bytes.resize(used);
  return bytes;
}

std::string refusal(const std::string& bytes, const ZipLimits& limits = {}) {
  const auto files = read_zip(bytes, limits);
  return files ? "nothing" : std::string(files.error().message());
}

TEST(Zip, WhatIsPackedComesOutAgain) {
  const std::vector<PackedFile> files{
      {"a/SKILL.md", "text\n"}, {"a/bin/\xC3\xA9", std::string("\0\xFF", 2), true}, {"a/empty", ""}};
  const auto bytes = write_zip(files).value();
  const auto read = read_zip(bytes).value();

  ASSERT_EQ(read.size(), 3U);
  EXPECT_EQ(content_hash(read), content_hash(files));
  EXPECT_TRUE(read[1].is_executable);
  EXPECT_EQ(write_zip({files[2], files[0], files[1]}).value(), bytes);
}

TEST(Zip, FoldersWithEntriesOfTheirOwnAreTaken) {
  const auto files = read_zip(zip_of({{"a/", "", AE_IFDIR}, {"a/b"}})).value();
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].path, "a/b");
}

TEST(Zip, NoPathThatLeadsOutIsTaken) {
  for (const auto* path :
       {"../a", "a/../../b", "/etc/passwd", "a//b", "./a", "a/.", "..\\b", "a\nb", "..", "a/b/c/d/e/f/g/h/i"})
    EXPECT_NE(refusal(zip_of({{path}})).find("the file name"), std::string::npos) << path;
  EXPECT_NE(refusal(zip_of({{"a/../", "", AE_IFDIR}})).find("the file name"), std::string::npos);
  EXPECT_NE(refusal(zip_of({{std::string(300, 'a')}})).find("longer than"), std::string::npos);
}

TEST(Zip, NoLinkIsTaken) {
  EXPECT_NE(refusal(zip_of({{"a/link", "", AE_IFLNK, "/etc/passwd"}})).find("is a link"), std::string::npos);
}

TEST(Zip, NoPipeIsTakenForAFile) {
  auto bytes = zip_of({{"a/pipe"}});
  const auto entry = bytes.find("PK\x01\x02");
  bytes.at(entry + 41) = 0x11;  // The mode's upper half: S_IFIFO in the place of S_IFREG.
  EXPECT_EQ(refusal(bytes), "'a/pipe' is neither a file nor a folder");
}

TEST(Zip, ANameIsThereOnce) {
  EXPECT_NE(refusal(zip_of({{"a/b"}, {"a/b"}})).find("is there twice"), std::string::npos);
  EXPECT_NE(refusal(zip_of({{"a"}, {"a/b"}})).find("a file and a folder"), std::string::npos);
  EXPECT_NE(refusal(zip_of({{"a"}, {"a/", "", AE_IFDIR}})).find("a file and a folder"), std::string::npos);
}

TEST(Zip, ABombIsRefusedWhileItIsUnpacked) {
  const auto bomb = zip_of({{"zeros", std::string(900'000, '\0')}});
  ASSERT_LT(bomb.size(), 4096U);
  EXPECT_NE(refusal(bomb).find("its own size"), std::string::npos);
  EXPECT_NE(refusal(bomb, {.unpacked_bytes = 1000, .ratio = 100'000}).find("1000 bytes"), std::string::npos);
  EXPECT_EQ(refusal(bomb, {.ratio = 100'000}), "nothing");
}

TEST(Zip, TheNumberOfFilesIsBounded) {
  std::vector<Odd> many;
  for (int i = 0; i < 21; ++i) many.push_back({std::to_string(i)});
  EXPECT_NE(refusal(zip_of(many), {.files = 20}).find("more than 20 files"), std::string::npos);
  EXPECT_EQ(refusal(zip_of(many), {.files = 21}), "nothing");
}

TEST(Zip, AnEncryptedEntryIsRefusedByName) {
  EXPECT_NE(refusal(zip_of({{"a/secret"}}, "word")).find("'a/secret' is encrypted"), std::string::npos);
}

TEST(Zip, WhatIsNoZipOrIsCutOffIsRefused) {
  auto bytes = zip_of({{"a/b", std::string(5000, 'y')}});
  EXPECT_NE(refusal("hello").find("zip"), std::string::npos);
  EXPECT_NE(refusal(""), "nothing");
  EXPECT_NE(refusal(bytes.substr(0, bytes.size() / 2)), "nothing");
  bytes[bytes.size() / 8] ^= 0x55;
  EXPECT_NE(refusal(bytes), "nothing");
}

}  // namespace
}  // namespace isa
