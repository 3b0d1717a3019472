#include "base/testing.h"
#include "sdk/tool.h"
#include "sdk/tools/workspace.h"

#include <gtest/gtest.h>

#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>

namespace isa::sdk {
namespace {

namespace fs = std::filesystem;

struct FileTools : ::testing::Test {
  isa::testing::TempFolder folder;
  fs::path root = folder / "work";
  ToolBox box = make_box();

  ToolBox make_box() {
    fs::create_directories(root);
    WorkspaceOptions options;
    options.path = root;
    return ToolBox(workspace_tools(std::move(options)).value(), known_tool_names());
  }
  ToolOutput call(const std::string& tool, json::object arguments) {
    const auto part = Part::make_tool_call("1", tool, json::serialize(arguments));
    return isa::testing::run(box.call(part, Deadline::never()));
  }
  void put(const std::string& name, const std::string& content) {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name, std::ios::binary) << content;
  }
  std::string get(const std::string& name) {
    std::ifstream file(root / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(FileTools, ReadNumbersTheLines) {
  put("a.txt", "one\r\ntwo\n\nfour");
  EXPECT_EQ(call("read_file", {{"file_path", "a.txt"}}).text,
            "     1\tone\n     2\ttwo\n     3\t\n     4\tfour\n");
}

TEST_F(FileTools, ReadTakesAPartAndSaysHowToGoOn) {
  put("a.txt", "1\n2\n3\n4\n");
  const auto output = call("read_file", {{"file_path", "a.txt"}, {"offset", 2}, {"limit", 2}});

  EXPECT_EQ(output.text, "     2\t2\n     3\t3\n[... more lines: go on with offset 4]\n");
  EXPECT_TRUE(output.truncated);
  EXPECT_FALSE(call("read_file", {{"file_path", "a.txt"}, {"offset", 3}, {"limit", 2}}).truncated);
}

TEST_F(FileTools, ReadTakesEveryOffset) {
  put("a.txt", "1\n2\n");
  for (const auto offset : {std::int64_t{3}, std::numeric_limits<std::int64_t>::max()}) {
    const auto output = call("read_file", {{"file_path", "a.txt"}, {"offset", offset}});
    EXPECT_EQ(output.text, "[the file has only 2 lines]\n") << offset;
    EXPECT_FALSE(output.truncated);
  }
}

TEST_F(FileTools, ReadBoundsALongLineAndALargeFile) {
  put("line.txt", std::string(1 << 20, 'x') + "\nend\n");
  put("large.txt", [] {
    std::string text;
    for (int i = 0; i < 1900; ++i) text += std::string(1000, 'y') + "\n";
    return text;
  }());

  const auto line = call("read_file", {{"file_path", "line.txt"}});
  EXPECT_LT(line.text.size(), 2200U);
  EXPECT_NE(line.text.find("bytes more in this line]\n     2\tend\n"), std::string::npos);
  const auto large = call("read_file", {{"file_path", "large.txt"}});
  EXPECT_LT(large.text.size(), 300U << 10);
  EXPECT_TRUE(large.truncated);
}

TEST_F(FileTools, ReadRefusesWhatIsNoText) {
  put("binary", std::string("a\0b", 3));
  put("folder/x", "");
  ASSERT_EQ(::mkfifo((root / "pipe").c_str(), 0600), 0);

  for (const auto* name : {"binary", "folder", "pipe", "missing", ""})
    EXPECT_TRUE(call("read_file", {{"file_path", name}}).is_error) << name;
}

TEST_F(FileTools, ReadReplacesWhatIsNoUtf8) {
  put("latin1.txt", "caf\xE9\n");
  EXPECT_EQ(call("read_file", {{"file_path", "latin1.txt"}}).text, "     1\tcaf\xEF\xBF\xBD\n");
}

TEST_F(FileTools, WriteMakesFoldersUnlessToldNotTo) {
  EXPECT_FALSE(call("write_file", {{"file_path", "a/b/c.txt"}, {"content", "hi"}}).is_error);
  EXPECT_EQ(get("a/b/c.txt"), "hi");
  EXPECT_TRUE(
      call("write_file", {{"file_path", "x/y"}, {"content", ""}, {"create_directories", false}}).is_error);
  EXPECT_FALSE(fs::exists(root / "x"));
}

TEST_F(FileTools, WriteReplacesAFileAndKeepsItsPermissions) {
  put("run.sh", "old");
  fs::permissions(root / "run.sh", fs::perms::owner_all);

  call("write_file", {{"file_path", (root / "run.sh").string()}, {"content", "new"}});

  EXPECT_EQ(get("run.sh"), "new");
  EXPECT_EQ(fs::status(root / "run.sh").permissions(), fs::perms::owner_all);
  EXPECT_EQ(std::distance(fs::directory_iterator(root), {}), 1);  // Nothing temporary is left.
}

TEST_F(FileTools, WriteGoesThroughALinkAndASecondName) {
  put("real", "old");
  fs::create_symlink("real", root / "link");
  put("one", "old");
  fs::create_hard_link(root / "one", root / "two");

  call("write_file", {{"file_path", "link"}, {"content", "new"}});
  call("write_file", {{"file_path", "two"}, {"content", "new"}});

  EXPECT_TRUE(fs::is_symlink(root / "link"));
  EXPECT_EQ(get("real"), "new");
  EXPECT_EQ(get("one"), "new");
}

TEST_F(FileTools, NoPathLeadsOutOfTheWorkspace) {
  std::ofstream(folder / "secret") << "secret";
  fs::create_directory(folder / "work2");
  std::ofstream(folder / "work2/secret") << "secret";
  fs::create_symlink("../secret", root / "file-link");
  fs::create_symlink(folder / "secret", root / "absolute-link");
  fs::create_symlink("..", root / "folder-link");
  const std::vector<std::string> paths = {"../secret",
                                          "a/../../secret",
                                          "/etc/passwd",
                                          (folder / "secret").string(),
                                          root.string() + "/../secret",
                                          "file-link",
                                          "absolute-link",
                                          "folder-link/secret",
                                          (folder / "work2/secret").string(),
                                          root.string() + "2/secret"};

  put("a/x", "");
  for (const auto& path : paths) {
    const auto read = call("read_file", {{"file_path", path}});
    EXPECT_TRUE(read.is_error) << path;
    EXPECT_EQ(read.text.find("1\tsecret"), std::string::npos) << path;
    EXPECT_TRUE(call("write_file", {{"file_path", path}, {"content", "x"}}).is_error) << path;
    EXPECT_TRUE(
        call("edit_file", {{"file_path", path}, {"old_string", "secret"}, {"new_string", "x"}}).is_error)
        << path;
  }
  EXPECT_TRUE(call("ls_directory", {{"path", "folder-link"}}).is_error);
  EXPECT_TRUE(call("glob_files", {{"pattern", "../*"}}).is_error);
  EXPECT_EQ(call("grep_search", {{"pattern", "secret"}}).text, "[no match]\n");
  std::ifstream outside(folder / "secret");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(outside), {}), "secret");
}

TEST_F(FileTools, WithoutOpenat2LinksAreNotFollowedAtAll) {
  put("a/b.txt", "text");
  fs::create_symlink("a", root / "link");
  const auto workspace = Workspace::open(root, Workspace::Method::without_links).value();

  EXPECT_TRUE(workspace.open_file("a/b.txt"));
  EXPECT_TRUE(workspace.open_folder("."));
  for (const auto* name : {"link/b.txt", "../work/a/b.txt", "a/../a/b.txt", "link"})
    EXPECT_FALSE(workspace.open_at(name, O_RDONLY)) << name;
  EXPECT_TRUE(workspace.make_folders("x/y"));
  EXPECT_TRUE(fs::is_directory(root / "x/y"));
}

TEST_F(FileTools, EditNeedsExactlyOneMatch) {
  put("a.txt", "x = 1\ny = 1\n");

  EXPECT_NE(call("edit_file", {{"file_path", "a.txt"}, {"old_string", "= 1"}, {"new_string", "= 2"}})
                .text.find("occurs 2 times"),
            std::string::npos);
  EXPECT_TRUE(call("edit_file", {{"file_path", "a.txt"}, {"old_string", "z"}, {"new_string", ""}}).is_error);
  EXPECT_TRUE(call("edit_file", {{"file_path", "a.txt"}, {"old_string", ""}, {"new_string", "a"}}).is_error);
  EXPECT_EQ(get("a.txt"), "x = 1\ny = 1\n");
  EXPECT_FALSE(
      call("edit_file", {{"file_path", "a.txt"}, {"old_string", "x = 1"}, {"new_string", "x = 2"}}).is_error);
  EXPECT_EQ(get("a.txt"), "x = 2\ny = 1\n");
}

TEST_F(FileTools, EditReplacesAllWhenAsked) {
  put("a.txt", "aXbXc");
  call("edit_file",
       {{"file_path", "a.txt"}, {"old_string", "X"}, {"new_string", "XX"}, {"replace_all", true}});
  EXPECT_EQ(get("a.txt"), "aXXbXXc");
}

// A hundred gigabytes, if they were built.
TEST_F(FileTools, AnEditThatMakesAFileTooLargeIsRefusedBeforeItIsMade) {
  const std::string content(std::size_t{10} << 20, 'a'), replacement(10'000, 'b');
  put("a.txt", content);
  const json::object edit{{"old_string", "a"}, {"new_string", replacement}, {"replace_all", true}};
  auto single = edit;
  single["file_path"] = "a.txt";
  const auto refused = call("edit_file", std::move(single));
  EXPECT_TRUE(refused.is_error);
  EXPECT_NE(refused.text.find("the file would pass 10 MB"), std::string::npos) << refused.text;
  const auto second = call("multi_edit_file", {{"file_path", "a.txt"}, {"edits", json::array{edit}}});
  EXPECT_TRUE(second.is_error);
  EXPECT_NE(second.text.find("/edits/0: the file would pass 10 MB"), std::string::npos) << second.text;
  EXPECT_TRUE(get("a.txt") == content);
}

TEST_F(FileTools, MultiEditIsAllOrNothing) {
  put("a.txt", "one two");
  const json::object good{{"old_string", "one"}, {"new_string", "1"}};
  const json::object follows{{"old_string", "1 two"}, {"new_string", "1 2"}};
  const json::object bad{{"old_string", "three"}, {"new_string", "3"}};

  const auto failed = call("multi_edit_file", {{"file_path", "a.txt"}, {"edits", json::array{good, bad}}});
  EXPECT_NE(failed.text.find("/edits/1"), std::string::npos);
  EXPECT_EQ(get("a.txt"), "one two");
  call("multi_edit_file", {{"file_path", "a.txt"}, {"edits", json::array{good, follows}}});
  EXPECT_EQ(get("a.txt"), "1 2");
}

TEST_F(FileTools, GlobFindsFilesByPattern) {
  for (const auto* name : {"a.cpp", "src/b.cpp", "src/b.h", "src/deep/er/c.cpp", ".hidden/d.cpp", "doc/e.md"})
    put(name, "");

  EXPECT_EQ(call("glob_files", {{"pattern", "**/*.cpp"}}).text, "a.cpp\nsrc/b.cpp\nsrc/deep/er/c.cpp\n");
  EXPECT_EQ(call("glob_files", {{"pattern", "*.cpp"}}).text, "a.cpp\n");
  EXPECT_EQ(call("glob_files", {{"pattern", "*/?.{cpp,h}"}}).text, "src/b.cpp\nsrc/b.h\n");
  EXPECT_EQ(call("glob_files", {{"pattern", "src/**"}}).text, "src/b.cpp\nsrc/b.h\nsrc/deep/er/c.cpp\n");
  EXPECT_EQ(call("glob_files", {{"pattern", "**/er/*"}, {"path", "src"}}).text, "src/deep/er/c.cpp\n");
  EXPECT_EQ(call("glob_files", {{"pattern", "**/d.cpp"}, {"include_hidden", true}}).text, ".hidden/d.cpp\n");
  EXPECT_EQ(call("glob_files", {{"pattern", "*.rs"}}).text, "[no file matches]\n");
}

TEST_F(FileTools, GlobStopsAtItsLimit) {
  for (int i = 0; i < 5; ++i) put("f" + std::to_string(i), "");
  const auto output = call("glob_files", {{"pattern", "*"}, {"max_results", 2}});
  EXPECT_TRUE(output.text.starts_with("f0\nf1\n[... there is more"));
  EXPECT_TRUE(output.truncated);
}

TEST_F(FileTools, GrepFindsLinesWithNumbersAndContext) {
  put("a.txt", "one\ntwo\nthree\nfour\n");
  put("b.md", "TWO\n");
  put("image", std::string("two\0", 4));

  EXPECT_EQ(call("grep_search", {{"pattern", "two"}}).text, "a.txt:2:two\n");
  EXPECT_EQ(call("grep_search", {{"pattern", "^t.*e$"}}).text, "a.txt:3:three\n");
  EXPECT_EQ(call("grep_search", {{"pattern", "two"}, {"case_insensitive", true}}).text,
            "a.txt:2:two\nb.md:1:TWO\n");
  EXPECT_EQ(call("grep_search", {{"pattern", "two"}, {"context_lines", 1}}).text,
            "a.txt-1-one\na.txt:2:two\na.txt-3-three\n");
  EXPECT_EQ(
      call("grep_search", {{"pattern", "o"}, {"file_pattern", "*.txt"}, {"include_line_numbers", false}})
          .text,
      "a.txt:one\na.txt:two\na.txt:four\n");
  EXPECT_EQ(call("grep_search", {{"pattern", "two"}, {"path", "a.txt"}}).text, "a.txt:2:two\n");
}

TEST_F(FileTools, GrepShowsOverlappingContextOnce) {
  put("a.txt", "m\nm\nx\ny\nz\nm\n");
  EXPECT_EQ(call("grep_search", {{"pattern", "m"}, {"context_lines", 1}}).text,
            "a.txt:1:m\na.txt:2:m\na.txt-3-x\n--\na.txt-5-z\na.txt:6:m\n");
}

TEST_F(FileTools, GrepStopsAtItsLimit) {
  put("a.txt", "x\nx\nx\n");
  const auto output = call("grep_search", {{"pattern", "x"}, {"max_results", 2}});
  EXPECT_EQ(output.text, "a.txt:1:x\na.txt:2:x\n[... there may be more: narrow the search]\n");
  EXPECT_TRUE(output.truncated);
}

TEST_F(FileTools, NoPatternTakesExponentialTimeOrTheWholeStack) {
  put("a.txt", std::string(30, 'a') + "\n" + std::string(1 << 20, 'a') + "\n");
  const auto begin = Deadline::Clock::now();

  EXPECT_EQ(call("grep_search", {{"pattern", "(a+)+b"}}).text, "[no match]\n");
  EXPECT_FALSE(call("grep_search", {{"pattern", "(a|aa)*$"}}).is_error);

  EXPECT_LT(Deadline::Clock::now() - begin, std::chrono::seconds(15));
}

TEST_F(FileTools, GrepExplainsABadPattern) {
  EXPECT_NE(call("grep_search", {{"pattern", "("}}).text.find("not a regular expression"), std::string::npos);
  EXPECT_NE(call("grep_search", {{"pattern", "(a)\\1"}}).text.find("back-references"), std::string::npos);
  EXPECT_TRUE(call("grep_search", {{"pattern", ""}}).is_error);
}

TEST_F(FileTools, ListShowsFoldersSizesAndLinks) {
  put("b/c.txt", "12345");
  put("a.txt", "1");
  put(".hidden", "");
  fs::create_symlink("a.txt", root / "link");

  EXPECT_EQ(call("ls_directory", {}).text, "a.txt (1 bytes)\nb/\nlink -> a.txt\n");
  EXPECT_EQ(call("ls_directory", {{"recursive", true}, {"file_pattern", "c*"}}).text,
            "b/\nb/c.txt (5 bytes)\n");
  EXPECT_EQ(call("ls_directory", {{"path", "b"}, {"include_hidden", true}}).text, "b/c.txt (5 bytes)\n");
}

TEST_F(FileTools, ArgumentsAreReadStrictly) {
  EXPECT_EQ(call("read_file", {{"file_path", "a"}, {"colour", 1}}).text, "/colour: unknown field");
  EXPECT_EQ(call("read_file", {}).text, "/file_path: this field is required");
  EXPECT_EQ(call("glob_files", {{"pattern", 1}}).text, "/pattern: expected a string, found an integer");
}

TEST_F(FileTools, AWorkspaceThatDoesNotExistIsAnError) {
  WorkspaceOptions options;
  options.path = folder / "nowhere";
  EXPECT_FALSE(workspace_tools(std::move(options)));
}

}  // namespace
}  // namespace isa::sdk
