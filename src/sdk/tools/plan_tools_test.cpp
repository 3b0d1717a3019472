#include "base/testing.h"
#include "sdk/tool.h"
#include "sdk/tools/plan.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace isa::sdk {
namespace {

struct PlanTools : ::testing::Test {
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
  ToolOutput create(std::initializer_list<const char*> titles) {
    json::array steps;
    for (const char* title : titles) steps.push_back(json::object{{"title", title}});
    return call("create_plan", {{"title", "Bake"}, {"steps", std::move(steps)}});
  }
  ToolOutput set(const char* id, const char* status) {
    return call("update_plan", {{"steps", json::array{json::object{{"id", id}, {"status", status}}}}});
  }
  std::string file() {
    std::stringstream text;
    text << std::ifstream(folder / ".isa/plan.json").rdbuf();
    return text.str();
  }
  void write_file(std::string_view text) {
    std::filesystem::create_directories(folder / ".isa");
    std::ofstream(folder / ".isa/plan.json") << text;
  }
};

TEST_F(PlanTools, AnswerWithTheWholePlanAndKeepItInTheWorkspace) {
  const auto output = create({"mix", "bake"});

  EXPECT_EQ(output.text, R"({"title":"Bake","steps":[{"id":"1","title":"mix","status":"pending"},)"
                         R"({"id":"2","title":"bake","status":"pending"}]})");
  EXPECT_EQ(file(), output.text);
}

TEST_F(PlanTools, FindThePlanOfAnEarlierTurn) {
  create({"mix", "bake"});
  box = make_box();

  const auto output = set("2", "in_progress");

  EXPECT_FALSE(output.is_error);
  const auto plan = parse_plan(output.text).value();
  EXPECT_EQ(plan.steps[0].status, StepStatus::pending);
  EXPECT_EQ(plan.steps[1].status, StepStatus::in_progress);
}

TEST_F(PlanTools, AddStepsWithNewIdsAndChangeNotes) {
  create({"mix", "bake"});
  call("update_plan", {{"steps", json::array{json::object{{"id", "1"}, {"note", "with eggs"}}}}});
  const auto output =
      call("update_plan", {{"title", "Cake"},
                           {"steps", json::array{json::object{{"id", "2"}, {"title", "heat"}}}},
                           {"add_steps", json::array{json::object{{"title", "eat"}}}}});

  const auto plan = parse_plan(output.text).value();
  EXPECT_EQ(plan.title, "Cake");
  EXPECT_EQ(plan.steps[0].note, "with eggs");
  EXPECT_EQ(plan.steps[1].title, "heat");
  EXPECT_EQ(plan.steps[2].id, "3");
}

TEST_F(PlanTools, RefuseWhatIsNoPlan) {
  EXPECT_TRUE(create({}).is_error);
  EXPECT_TRUE(create({""}).is_error);
  EXPECT_TRUE(create({std::string(501, 'x').c_str()}).is_error);
  EXPECT_NE(set("1", "done").text.find("create_plan"), std::string::npos);
  create({"mix"});
  EXPECT_NE(set("9", "done").text.find("no step '9'"), std::string::npos);
  EXPECT_TRUE(set("1", "finished").is_error);
  EXPECT_TRUE(call("update_plan", {}).is_error);
  EXPECT_EQ(parse_plan(file()).value().steps[0].status, StepStatus::pending);
}

TEST_F(PlanTools, SayWhatIsWrongWithAFileThatSomebodyElseWrote) {
  for (const std::string text :
       {"", "[]", R"({"title":"x","steps":[]})", R"({"title":"x","steps":[{"id":"1"}]})",
        R"({"title":"x","steps":[],"more":1})"}) {
    write_file(text);
    const auto output = set("1", "done");
    EXPECT_TRUE(output.is_error) << text;
    EXPECT_NE(output.text.find("create_plan replaces it"), std::string::npos) << output.text;
  }
  EXPECT_FALSE(create({"mix"}).is_error);
  EXPECT_FALSE(set("1", "done").is_error);
}

TEST_F(PlanTools, FollowNoLinkOutOfTheWorkspace) {
  isa::testing::TempFolder outside;
  std::ofstream(outside / "plan.json") << R"({"title":"theirs","steps":[]})";
  std::filesystem::create_symlink(outside.path(), folder / ".isa");

  EXPECT_TRUE(set("1", "done").is_error);
  EXPECT_TRUE(create({"mix"}).is_error);
  EXPECT_EQ(std::filesystem::file_size(outside / "plan.json"), 29U);
}

}  // namespace
}  // namespace isa::sdk
