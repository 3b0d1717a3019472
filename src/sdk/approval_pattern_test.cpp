#include "sdk/approval_pattern.h"

#include <gtest/gtest.h>

namespace isa::sdk {
namespace {

json::object command(std::string_view text) {
  return {{"command", text}};
}

bool asks(std::string_view pattern, std::string_view tool, const json::object& args) {
  return matches_approval_pattern(pattern, tool, args, PatternUse::asks);
}
bool allows(std::string_view pattern, std::string_view tool, const json::object& args) {
  return matches_approval_pattern(pattern, tool, args, PatternUse::allows);
}

TEST(ApprovalPattern, ANameMatchesEveryCallOfThatToolAndNoOther) {
  EXPECT_TRUE(asks("bash_execute", "bash_execute", command("ls")));
  EXPECT_FALSE(asks("bash_execute", "bash_output", command("ls")));
  EXPECT_TRUE(asks("bash_*", "bash_output", {}));
  EXPECT_TRUE(asks("mcp:github/*", "mcp:github/create_issue", {}));
  EXPECT_FALSE(asks("mcp:github/*", "mcp:gitlab/create_issue", {}));
  EXPECT_TRUE(asks("*", "anything", {}));
}

TEST(ApprovalPattern, WhatIsInParenthesesIsComparedWithWhatTheCallIsAbout) {
  EXPECT_TRUE(asks("bash_execute(rm *)", "bash_execute", command("rm -r x")));
  EXPECT_FALSE(asks("bash_execute(rm *)", "bash_execute", command("ls")));
  EXPECT_TRUE(asks("bash_execute(rm *)", "bash_execute", command("true; /bin/rm -r x")));
  EXPECT_TRUE(asks("write_file(secret/*)", "write_file", {{"file_path", "/workspace/./secret/x"}}));
  EXPECT_TRUE(asks("write_file(docs/*)", "write_file", {{"content", "x"}, {"file_path", "docs/a/b.md"}}));
  EXPECT_TRUE(asks(R"(memory_store({"key":"*"}))", "memory_store", {{"key", "k"}}));
}

TEST(ApprovalPattern, APatternThatAllowsACommandAllowsNoSecondOne) {
  EXPECT_TRUE(allows("bash_execute(git *)", "bash_execute", command("git status -s")));
  for (const auto* hostile : {"git status; rm -rf .", "git status && rm x", "git log | sh", "git $(rm x)",
                              "git `rm x`", "git log > /etc/x", "git log\nrm x", "git <(rm x)", "git \\\nrm"})
    EXPECT_FALSE(allows("bash_execute(git *)", "bash_execute", command(hostile))) << hostile;
  EXPECT_TRUE(asks("bash_execute(git *)", "bash_execute", command("git status; rm -rf .")));
  EXPECT_TRUE(allows("bash_execute(a | b *)", "bash_execute", command("a | b c")));
}

// The program that git starts is in its environment; what a script does, in the folder where it runs.
TEST(ApprovalPattern, APatternThatAllowsACommandAllowsNoOtherArgument) {
  const std::vector<std::string> asked{"bash_execute"}, allowed{"bash_execute(git fetch *)"};
  const auto waits = [&](std::string_view args) {
    return needs_approval(asked, allowed, "bash_execute", json::parse(args).value().as_object());
  };
  EXPECT_FALSE(waits(R"({"command":"git fetch x"})"));
  EXPECT_FALSE(waits(R"({"command":"git fetch x","timeout":5})"));
  EXPECT_TRUE(waits(R"({"command":"git fetch x","env":{"GIT_SSH_COMMAND":"sh -c evil"}})"));
  EXPECT_TRUE(waits(R"({"command":"git fetch x","working_directory":"evil"})"));
  EXPECT_TRUE(waits(R"({"command":"git fetch x","run_in_background":true})"));
  EXPECT_TRUE(waits(R"({"command":"git fetch x","query":"y"})"));
  EXPECT_TRUE(waits(R"({"timeout":5})"));
}

TEST(ApprovalPattern, WhatACallIsAboutBesideItsFileMayBeAllowed) {
  const json::object docs{{"file_path", "docs/a.md"}, {"content", "rm $(x)"}};
  EXPECT_TRUE(allows("write_file(docs/*)", "write_file", docs));
  EXPECT_FALSE(allows("mcp:fs/write(docs/*)", "mcp:fs/write", docs));
  EXPECT_TRUE(allows("mcp:fs/write(docs/*)", "mcp:fs/write", {{"path", "docs/a.md"}}));
  EXPECT_FALSE(allows("mcp:fs/move(docs/*)", "mcp:fs/move", {{"path", "docs/a"}, {"url", "file:///etc/x"}}));
  EXPECT_FALSE(allows("mcp:fs/move(docs/*)", "mcp:fs/move", {{"path", json::array{"docs/a", "/etc"}}}));
}

TEST(ApprovalPattern, AllArgumentsTogetherAreAllowedAsJson) {
  constexpr auto kPattern = R"(mcp:fs/move({"from":"docs/*","to":"docs/*"}))";
  EXPECT_TRUE(allows(kPattern, "mcp:fs/move", {{"from", "docs/a"}, {"to", "docs/b"}}));
  EXPECT_FALSE(allows(kPattern, "mcp:fs/move", {{"from", "docs/a"}, {"to", "src/b"}}));
  EXPECT_FALSE(allows(kPattern, "mcp:fs/move", {{"from", "docs/a"}, {"via", "/etc"}, {"to", "docs/b"}}));
  EXPECT_FALSE(allows(kPattern, "mcp:fs/move", {{"from", "docs/a"}, {"to", "docs/b"}, {"force", "1"}}));
}

TEST(ApprovalPattern, NoPatternWithAStarAllowsAWayUp) {
  const auto write = [](std::string_view path) { return json::object{{"file_path", path}, {"content", ""}}; };
  EXPECT_FALSE(allows("write_file(docs/*)", "write_file", write("docs/../src/main.c")));
  EXPECT_TRUE(allows("write_file(docs/*)", "write_file", write("docs/a..b")));
  EXPECT_TRUE(asks("write_file(src/*)", "write_file", write("docs/../src/main.c")));
  EXPECT_TRUE(asks("write_file(src/*)", "write_file", write("./src//main.c")));
  EXPECT_FALSE(asks("write_file(src/*)", "write_file", write("docs/main.c")));
}

TEST(ApprovalPattern, NoFurtherArgumentEvadesAQuestion) {
  const json::object hidden{{"command", "ok"}, {"path", "/etc/passwd"}};
  EXPECT_TRUE(asks("mcp:fs/delete(/etc/*)", "mcp:fs/delete", hidden));
  EXPECT_TRUE(asks(R"(mcp:fs/delete(*"path":"/etc/*))", "mcp:fs/delete", hidden));
  EXPECT_FALSE(asks("mcp:fs/delete(/tmp/*)", "mcp:fs/delete", hidden));
}

TEST(ApprovalPattern, EachCommandOfALineIsAskedAbout) {
  for (const auto* hidden :
       {"cd x && rm y", "ls;rm y", "ls |\trm y", "echo `rm y`", "echo $(rm y)", "ls\nrm y", "(rm y)"})
    EXPECT_TRUE(asks("bash_execute(rm *)", "bash_execute", command(hidden))) << hidden;
  EXPECT_FALSE(asks("bash_execute(rm *)", "bash_execute", command("ls; echo farm x")));
}

TEST(ApprovalPattern, ACallWaitsWhenItIsAskedAboutAndNotAllowed) {
  const std::vector<std::string> asked{"bash_execute"}, allowed{"bash_execute(ls*)"};
  EXPECT_TRUE(needs_approval(asked, {}, "bash_execute", command("ls")));
  EXPECT_FALSE(needs_approval(asked, allowed, "bash_execute", command("ls -l")));
  EXPECT_TRUE(needs_approval(asked, allowed, "bash_execute", command("rm x")));
  EXPECT_FALSE(needs_approval({}, {}, "bash_execute", command("rm x")));
}

TEST(ApprovalPattern, ManyStarsTakeNoLongTime) {
  const std::string text(20'000, 'a');
  EXPECT_FALSE(asks("bash_execute(*a*a*a*a*a*a*a*a*a*b)", "bash_execute", command(text)));
}

TEST(ApprovalPattern, APatternThatNamesNoToolIsRefused) {
  for (const auto* good : {"bash_execute", "mcp:a/*", "bash_execute(git *)", "*", "write_file(a b (c))"})
    EXPECT_TRUE(check_approval_pattern(good)) << good;
  for (const auto* bad : {"", "(x)", "rm -rf", "bash_execute(git *", "a\nb"})
    EXPECT_FALSE(check_approval_pattern(bad)) << bad;
  EXPECT_FALSE(check_approval_pattern(std::string(300, 'a')));
}

}  // namespace
}  // namespace isa::sdk
