#include "model/demo/demo_model.h"

#include <gtest/gtest.h>

namespace isa::model::demo {
namespace {

using sdk::ChatRequest;
using sdk::ChatRole;
using sdk::Message;
using sdk::Part;

ChatRequest asked(std::string text, std::vector<std::string> tools = {}) {
  ChatRequest request;
  request.messages.push_back(Message::make(ChatRole::user, std::move(text)));
  for (auto& tool : tools) request.tools.push_back({std::move(tool), "", {}});
  return request;
}

std::string said(std::string text, std::vector<std::string> tools = {}) {
  return answer(asked(std::move(text), std::move(tools))).message.text();
}

// "tool {arguments}" of the call that the request leads to, or the text that was said instead.
std::string called(std::string text, std::vector<std::string> tools) {
  const auto result = answer(asked(std::move(text), std::move(tools)));
  const auto calls = result.message.tool_calls();
  if (calls.size() != 1) return result.message.text();
  return calls[0].name + " " + calls[0].arguments;
}

const std::vector<std::string> kAll{"bash_execute", "write_file",  "read_file",  "edit_file",
                                    "ls_directory", "grep_search", "glob_files", "get_current_time"};

TEST(DemoModel, DoesArithmeticInASentence) {
  EXPECT_EQ(said("What is 2+2?"), "2+2 = 4");
  EXPECT_EQ(said("Please calculate (1.5 - 4) * 2^3."), "(1.5 - 4) * 2^3 = -20");
  EXPECT_EQ(said("what is 12 divided by 5"), "12 / 5 = 2.4");
  EXPECT_NE(said("What is 1/0?").find("division by zero"), std::string::npos);
}

TEST(DemoModel, SaysWhatItIsWhenAskedAndWhenItHasNoRule) {
  for (const auto* text : {"What are you?", "Write me a sonnet about rain", ""})
    EXPECT_NE(said(text).find("not a language model"), std::string::npos) << text;
}

TEST(DemoModel, TurnsPlainWordsIntoToolCalls) {
  EXPECT_EQ(called("run the command `ls -l`", kAll), R"(bash_execute {"command":"ls -l"})");
  EXPECT_EQ(called("Run ls -l", kAll), R"(bash_execute {"command":"ls -l"})");
  EXPECT_EQ(called("Can you execute: `a; b then c`?", kAll), R"(bash_execute {"command":"a; b then c"})");
  EXPECT_EQ(called("write 'hello' to hello.txt", kAll),
            R"(write_file {"file_path":"hello.txt","content":"hello"})");
  EXPECT_EQ(called("Write hello world to the file notes/a.txt.", kAll),
            R"(write_file {"file_path":"notes/a.txt","content":"hello world"})");
  EXPECT_EQ(called("create a file x.py with the content:\n```python\nprint('hi; then')\n```", kAll),
            R"(write_file {"file_path":"x.py","content":"print('hi; then')\n"})");
  EXPECT_EQ(called("Create a file named hello.txt containing \"hi\"", kAll),
            R"(write_file {"file_path":"hello.txt","content":"hi"})");
  EXPECT_EQ(
      called("Write a small program to x.py with ```python\nprint(6*7)\n``` then run `python3 x.py`", kAll),
      R"(write_file {"file_path":"x.py","content":"print(6*7)\n"})");
  EXPECT_EQ(called("read hello.txt", kAll), R"(read_file {"file_path":"hello.txt"})");
  EXPECT_EQ(called("Show me the contents of src/main.cpp, please", kAll),
            R"(read_file {"file_path":"src/main.cpp"})");
  EXPECT_EQ(called("list the files", kAll), R"(ls_directory {"path":"."})");
  EXPECT_EQ(called("list the files in src/", {"glob_files"}), R"(glob_files {"pattern":"*","path":"src/"})");
  EXPECT_EQ(called("find all files matching *.py", kAll), R"(glob_files {"pattern":"*.py"})");
  EXPECT_EQ(called("replace 'a' with 'b' in hello.txt", kAll),
            R"(edit_file {"file_path":"hello.txt","old_string":"a","new_string":"b"})");
  EXPECT_EQ(called("edit hello.txt: change \"a b\" to 'c'", kAll),
            R"(edit_file {"file_path":"hello.txt","old_string":"a b","new_string":"c"})");
  EXPECT_EQ(called("What time is it?", kAll), "get_current_time {}");
}

TEST(DemoModel, CallsAnyToolByItsName) {
  EXPECT_EQ(
      called("Call the tool handoff with `{\"agent\":\"b\",\"reason\":\"it. then this\"}`", {"handoff"}),
      R"(handoff {"agent":"b","reason":"it. then this"})");
  EXPECT_EQ(called("call the tool shared_state_list", {"shared_state_list"}), "shared_state_list {}");
  EXPECT_NE(said("call the tool x with `no json`", {"x"}).find("JSON object"), std::string::npos);
  EXPECT_NE(said("call the tool x").find("I would need the tool x"), std::string::npos);
}

TEST(DemoModel, AMemberOfATeamDoesItsTask) {
  EXPECT_EQ(
      said("<user_message>\nsay 'a'\n</user_message>\n\n<task_result id=\"x\">\nsay 'b'\n</task_result>\n\n"
           "<task id=\"t\">\nsay 'c'\n</task>\n\nDo the task above."),
      "c");
  EXPECT_EQ(said("<user_message>\nsay 'a'\n</user_message>\n\n<handoff from=\"x\">\nReason: y\n</handoff>"),
            "a");
  EXPECT_NE(said("<task_of nobody").find("no rule"), std::string::npos);
}

TEST(DemoModel, AScriptInTheSystemPromptIsWhatItDoes) {
  auto request = asked("say 'what I was asked'");
  request.messages.insert(request.messages.begin(),
                          Message::make(ChatRole::system, "Be b. <script>say 'my part'</script>"));
  EXPECT_EQ(answer(request).message.text(), "my part");
}

TEST(DemoModel, NamesTheToolThatItWouldNeed) {
  EXPECT_NE(said("read hello.txt").find("I would need the tool read_file"), std::string::npos);
  auto request = asked("read hello.txt", kAll);
  request.tool_choice = sdk::ToolChoice::none;
  EXPECT_TRUE(answer(request).message.tool_calls().empty());
}

// Plays the tools' side until the model reports; returns what it called, then what it said.
std::vector<std::string> play(std::string text, bool fail_first = false) {
  auto request = asked(std::move(text), kAll);
  std::vector<std::string> log;
  while (log.size() < 10) {
    const auto result = answer(request);
    const auto calls = result.message.tool_calls();
    if (calls.empty()) {
      log.push_back(result.message.text());
      return log;
    }
    log.push_back(calls[0].name + " " + calls[0].arguments);
    request.messages.push_back(result.message);
    const bool fails = fail_first && log.size() == 1;
    request.messages.push_back(
        {ChatRole::tool, {Part::make_tool_result(calls[0].id, fmt::format("output {}", log.size()), fails)}});
  }
  return log;
}

TEST(DemoModel, DoesSeveralStepsOneCallPerTurnAndReportsTheOutputs) {
  for (const auto* text : {"write 'hi; then bye' to a.txt, then read it, and then run `wc a.txt`",
                           "Do this:\n1. write 'hi; then bye' to a.txt\n2. Read a.txt\n3. run `wc a.txt`",
                           "Write 'hi; then bye' to a.txt; read a.txt and run `wc a.txt`."}) {
    const auto log = play(text);
    ASSERT_EQ(log.size(), 4u) << text << "\n" << log.back();
    EXPECT_EQ(log[0], R"(write_file {"file_path":"a.txt","content":"hi; then bye"})");
    EXPECT_EQ(log[1], R"(read_file {"file_path":"a.txt"})");
    EXPECT_EQ(log[2], R"(bash_execute {"command":"wc a.txt"})");
    for (const auto* output : {"output 1", "output 2", "output 3"})
      EXPECT_NE(log[3].find(output), std::string::npos) << log[3];
  }
}

TEST(DemoModel, StopsAfterAStepThatFailedAndSaysSo) {
  const auto log = play("read a.txt then read b.txt", true);
  ASSERT_EQ(log.size(), 2u);
  EXPECT_NE(log[1].find("failed"), std::string::npos);
  EXPECT_NE(log[1].find("did not do \"read b.txt\""), std::string::npos);
}

TEST(DemoModel, RemembersOnlyWhatTheConversationHolds) {
  auto request = asked("My name is Ada.");
  request.messages.push_back(Message::make(ChatRole::assistant, "Nice to meet you, Ada."));
  request.messages.push_back(Message::make(ChatRole::user, "What is my name?"));

  EXPECT_EQ(answer(request).message.text(), "Your name is Ada.");
  EXPECT_NE(said("What is my name?").find("not told me"), std::string::npos);
}

TEST(DemoModel, CountsWordsAsTokensAndSaysThatItIsAnEstimate) {
  const auto result = answer(asked("say one two three"));
  EXPECT_EQ(result.message.text(), "one two three");
  EXPECT_EQ(result.usage.input_tokens, 4);
  EXPECT_EQ(result.usage.output_tokens, 3);
  EXPECT_TRUE(result.usage.estimated);
}

TEST(DemoModel, StopsAtMaxTokens) {
  auto request = asked("count to 10");
  request.max_tokens = 3;
  const auto result = answer(request);
  EXPECT_EQ(result.message.text(), "1 2 3 ");
  EXPECT_EQ(result.finish_reason, sdk::FinishReason::length);
}

TEST(DemoModel, WordsSpellTheTextAgain) {
  const std::string text = "  a  bc\n\nd ";
  const auto words = words_of(text);
  EXPECT_EQ(words, (std::vector<std::string>{"  a  ", "bc\n\n", "d "}));
}

}  // namespace
}  // namespace isa::model::demo
