// Files, over the socket of the real program.
#include "runtime/control_test_support.h"

#include <filesystem>
#include <fstream>

#include <sys/stat.h>

namespace isa::runtime::testing {
namespace {

namespace fs = std::filesystem;
using isa::testing::run;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

sdk::FileEntry entry_of(const net::ClientResponse& answer) {
  return json::parse_as<sdk::FileEntry>(answer.body).value();
}

TEST(Files, WritesMakesFoldersAndReadsBackEveryByte) {
  run([]() -> Task<void> {
    Control sandbox;
    std::string bytes;
    for (int i = 0; i < 300'000; ++i) bytes.push_back(static_cast<char>(i * 7));
    const auto written = co_await sandbox.call(Method::put, "/files/a/b%20c/data.bin?mode=0640", bytes);
    EXPECT_EQ(written.status, 201) << written.body;
    const auto entry = entry_of(written);
    EXPECT_EQ(entry.path, sandbox.workspace() + "/a/b c/data.bin");
    EXPECT_EQ(entry.size, 300'000);
    EXPECT_EQ(entry.mode, "0640");
    EXPECT_EQ((co_await sandbox.call(Method::get, "/files/a/b%20c/data.bin")).body, bytes);
    const auto absolute = "/files/" + sandbox.workspace() + "/a/b%20c/data.bin";
    EXPECT_EQ((co_await sandbox.call(Method::get, absolute)).body, bytes);
    EXPECT_EQ((co_await sandbox.call(Method::put, "/files/a/b%20c/data.bin", "new")).status, 200);
    EXPECT_EQ(entry_of(co_await sandbox.call(Method::get, "/files/a/b%20c/data.bin?op=stat")).mode, "0640");
  }());
}

TEST(Files, ServesAPartByRange) {
  run([]() -> Task<void> {
    Control sandbox;
    co_await sandbox.call(Method::put, "/files/ten", "0123456789");
    net::Headers headers;
    headers.set("Range", "bytes=2-4");
    const auto part = co_await sandbox.call(Method::get, "/files/ten", "", headers);
    EXPECT_EQ(part.status, 206);
    EXPECT_EQ(part.body, "234");
    EXPECT_EQ(part.headers.get("Content-Range"), "bytes 2-4/10");
    headers.set("Range", "bytes=50-");
    EXPECT_EQ((co_await sandbox.call(Method::get, "/files/ten", "", headers)).status, 416);
  }());
}

TEST(Files, ALargeFileIsWrittenInParts) {
  run([]() -> Task<void> {
    Control sandbox;
    std::string whole;
    for (int part = 0; part < 3; ++part) {
      const std::string bytes(100'000, static_cast<char>('a' + part));
      const auto target = "/files/large?offset=" + std::to_string(whole.size());
      EXPECT_EQ((co_await sandbox.call(Method::put, target, bytes)).status, part == 0 ? 201 : 200);
      whole += bytes;
    }
    EXPECT_EQ((co_await sandbox.call(Method::get, "/files/large")).body, whole);
    EXPECT_EQ((co_await sandbox.call(Method::put, "/files/large?offset=900000", "x")).status, 409);
    EXPECT_EQ((co_await sandbox.call(Method::put, "/files/large?offset=0", "anew")).status, 200);
    EXPECT_EQ((co_await sandbox.call(Method::get, "/files/large")).body, "anew");
  }());
}

TEST(Files, ListsStatsMovesAndRemoves) {
  run([]() -> Task<void> {
    Control sandbox;
    co_await sandbox.call(Method::put, "/files/top/one", "1");
    co_await sandbox.call(Method::put, "/files/top/sub/two", "22");
    fs::create_symlink("one", sandbox.workspace() + "/top/link");
    const auto flat =
        json::parse_as<sdk::FileList>((co_await sandbox.call(Method::get, "/files/top?op=list")).body)
            .value();
    if (flat.entries.size() != 3) throw std::runtime_error("three entries are expected");
    EXPECT_EQ(flat.entries[0].name, "link");
    EXPECT_EQ(flat.entries[0].target, "one");
    EXPECT_EQ(flat.entries[2].type, sdk::FileType::folder);
    const auto deep =
        json::parse_as<sdk::FileList>((co_await sandbox.call(Method::get, "/files/top?op=list&depth=2")).body)
            .value();
    EXPECT_EQ(deep.entries.size(), 4U);

    const auto moved = co_await sandbox.call(Method::post, "/files/top/one?op=move&to=elsewhere/uno");
    EXPECT_EQ(moved.status, 200) << moved.body;
    EXPECT_EQ((co_await sandbox.call(Method::get, "/files/elsewhere/uno")).body, "1");
    EXPECT_EQ((co_await sandbox.call(Method::get, "/files/top/one?op=stat")).status, 404);

    EXPECT_EQ((co_await sandbox.call(Method::del, "/files/top")).status, 409) << "it is not empty";
    EXPECT_EQ((co_await sandbox.call(Method::del, "/files/top?recursive=true")).status, 200);
    EXPECT_EQ((co_await sandbox.call(Method::del, "/files/top?recursive=true")).status, 200)
        << "twice is once";
    EXPECT_FALSE(fs::exists(sandbox.workspace() + "/top"));
    EXPECT_EQ((co_await sandbox.call(Method::post, "/files/new/folder?op=mkdir")).status, 200);
    EXPECT_EQ((co_await sandbox.call(Method::post, "/files/new/folder?op=mkdir")).status, 200);
  }());
}

TEST(Files, SaysWhatIsWrong) {
  run([]() -> Task<void> {
    Control sandbox;
    co_await sandbox.call(Method::put, "/files/file", "x");
    const auto status = [&](Method method, std::string target) -> Task<int> {
      co_return (co_await sandbox.call(method, std::move(target))).status;
    };
    EXPECT_EQ(co_await status(Method::get, "/files/none"), 404);
    EXPECT_EQ(co_await status(Method::get, "/files/"), 422) << "a folder";
    EXPECT_EQ(co_await status(Method::get, "/files/file/below"), 422);
    EXPECT_EQ(co_await status(Method::put, "/files/file/below"), 422);
    EXPECT_EQ(co_await status(Method::put, "/files/"), 422);
    EXPECT_EQ(co_await status(Method::put, "/files/x?mode=999"), 422);
    EXPECT_EQ(co_await status(Method::put, "/files/none?offset=5"), 404);
    EXPECT_EQ(co_await status(Method::put, "/files/" + std::string(300, 'n')), 422) << "a name has 255 bytes";
    EXPECT_EQ(co_await status(Method::post, "/files/folder?op=mkdir"), 200);
    EXPECT_EQ(co_await status(Method::post, "/files/folder?op=move&to=folder/below"), 422);
    EXPECT_EQ(co_await status(Method::get, "/files/file?op=nonsense"), 422);
    EXPECT_EQ(co_await status(Method::get, "/files/?op=list&depth=1000"), 422);
    EXPECT_EQ(co_await status(Method::get, "/files/a%00b"), 400);
    EXPECT_EQ(co_await status(Method::post, "/files/file?op=move"), 422);
    EXPECT_EQ(co_await status(Method::get, "/files//dev/zero"), 422) << "a device is not read";
    EXPECT_EQ(::mkfifo((sandbox.workspace() + "/pipe").c_str(), 0600), 0);
    EXPECT_EQ(co_await status(Method::get, "/files/pipe"), 422) << "nor is a pipe waited for";
    EXPECT_EQ(co_await status(Method::put, "/files/pipe"), 422);
  }());
}

TEST(Files, TheRuntimesOwnDescriptorsAndMemoryAreOutOfReach) {
  run([]() -> Task<void> {
    Control sandbox;
    for (const auto* target :
         {"/files//proc/self/fd/3", "/files//proc/self/root/etc/hosts", "/files//proc/self/exe"})
      EXPECT_NE((co_await sandbox.call(Method::get, target)).status, 200) << target;
    for (const auto* target :
         {"/files//proc/self/mem?offset=0", "/files//proc/self/oom_score_adj", "/files//proc/self/comm"})
      EXPECT_EQ((co_await sandbox.call(Method::put, target, "0")).status / 100, 4) << target;
    EXPECT_NE((co_await sandbox.call(Method::get, "/files//proc/uptime")).body, "");
    const fs::path workspace = sandbox.workspace();
    co_await sandbox.call(Method::put, "/files/kept", "x");
    fs::create_symlink("/proc/self/root" + (workspace / "kept").string(), workspace / "link");
    for (const auto* target : {"/files/link", "/files/link?offset=0"})
      EXPECT_EQ((co_await sandbox.call(Method::put, target, "0")).status, 403) << target;
    EXPECT_EQ(content_of(workspace / "kept"), "x");
  }());
}

TEST(Files, RemovingALinkLeavesWhatItLeadsTo) {
  run([]() -> Task<void> {
    Control sandbox;
    const fs::path workspace = sandbox.workspace();
    co_await sandbox.call(Method::put, "/files/kept/file", "x");
    fs::create_directory(workspace / "gone");
    fs::create_directory_symlink(workspace / "kept", workspace / "gone/link");
    EXPECT_EQ((co_await sandbox.call(Method::del, "/files/gone?recursive=true")).status, 200);
    EXPECT_FALSE(fs::exists(workspace / "gone"));
    EXPECT_EQ(content_of(workspace / "kept/file"), "x");
  }());
}

TEST(Files, AFileWithTwoNamesChangesUnderBoth) {
  run([]() -> Task<void> {
    Control sandbox;
    const fs::path workspace = sandbox.workspace();
    co_await sandbox.call(Method::put, "/files/one", "old");
    fs::create_hard_link(workspace / "one", workspace / "two");
    fs::create_symlink("one", workspace / "three");
    co_await sandbox.call(Method::put, "/files/one", "new");
    EXPECT_EQ(content_of(workspace / "two"), "new");
    co_await sandbox.call(Method::put, "/files/three", "newer");
    EXPECT_EQ(content_of(workspace / "one"), "newer");
    EXPECT_TRUE(fs::is_symlink(workspace / "three"));
    EXPECT_EQ(std::distance(fs::directory_iterator(workspace), {}), 3) << "no temporary file is left";
  }());
}

TEST(Files, TellsWhatChangesAlsoInFoldersThatAppear) {
  run([]() -> Task<void> {
    Control sandbox;
    auto reader = co_await sandbox.open(Method::get, "/files/?op=watch&recursive=true");
    EXPECT_EQ((*co_await reader->next())->event, "ready");
    co_await sandbox.call(Method::put, "/files/new/deep/file", "x");
    std::vector<std::string> created;
    while (std::ranges::find(created, "new/deep/file") == created.end()) {
      const auto event = co_await reader->next();
      if (!event || !*event) throw std::runtime_error("the watch ended");
      if ((*event)->event != "change") continue;
      const auto change = json::parse_as<sdk::FileChange>((*event)->data).value();
      if (change.type == sdk::FileChangeType::create) created.push_back(change.path);
    }
    EXPECT_NE(std::ranges::find(created, "new"), created.end());
    co_await sandbox.call(Method::del, "/files/new/deep/file");
    for (;;) {
      const auto change = json::parse_as<sdk::FileChange>((**(co_await reader->next())).data).value();
      if (change.type == sdk::FileChangeType::remove && change.path == "new/deep/file") break;
    }
  }());
}

TEST(Files, AWatchEndsWithItsFolder) {
  run([]() -> Task<void> {
    Control sandbox;
    for (const std::string_view recursive : {"false", "true"}) {
      co_await sandbox.call(Method::post, "/files/gone?op=mkdir");
      auto reader =
          co_await sandbox.open(Method::get, fmt::format("/files/gone?op=watch&recursive={}", recursive));
      EXPECT_EQ((*co_await reader->next())->event, "ready");
      EXPECT_EQ((co_await sandbox.call(Method::del, "/files/gone")).status, 200);
      const auto end = co_await reader->next();
      EXPECT_TRUE(end && !*end) << recursive;
    }
  }());
}

}  // namespace
}  // namespace isa::runtime::testing
