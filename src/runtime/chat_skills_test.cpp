#include "runtime/chat_skills.h"

#include "base/base64.h"
#include "base/testing.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace isa::runtime {
namespace {

std::string document(std::string_view name) {
  return fmt::format("---\nname: {}\ndescription: About {}.\n---\nThe body of {}.\n", name, name, name);
}

sdk::RuntimeSkill skill(std::string name, bool with_files) {
  sdk::RuntimeSkill made{.name = name, .hash = std::string(64, 'a')};
  if (with_files)
    made.files = {{"SKILL.md", to_base64(document(name)), false},
                  {"scripts/go.sh", to_base64("#!/bin/sh\necho went\n"), true}};
  return made;
}

struct ChatSkills : ::testing::Test {
  isa::testing::TempFolder folder;
  sdk::AgentSpec agent;
  sdk::ToolBox tools{{}, {}};

  Result<void> bring(std::vector<sdk::RuntimeSkill> skills) {
    ISA_TRY(auto use_skill, isa::testing::run(bring_skills(folder.path(), std::move(skills), agent)));
    if (use_skill) tools.grant(std::move(use_skill));
    return ok();
  }
  std::string use(std::string_view name) {
    const auto call =
        sdk::Part::make_tool_call("1", "use_skill", json::serialize(json::object{{"name", name}}));
    return isa::testing::run(tools.call(call, Deadline::never())).text;
  }
  void put_own(const std::string& name) {
    std::filesystem::create_directories(folder / ".isa/skills" / name);
    std::ofstream(folder / ".isa/skills" / name / "SKILL.md") << document(name);
  }
};

TEST_F(ChatSkills, ASandboxAsksForFilesThatItLacksAndKeepsThem) {
  agent.skills = {{"deploy", "About deploy."}};
  const auto refused = bring({skill("deploy", false)});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), "skills_missing");
  EXPECT_TRUE(tools.specs().empty());

  ASSERT_TRUE(bring({skill("deploy", true)}));
  EXPECT_NE(use("deploy").find("The body of deploy."), std::string::npos);
  agent.system_prompt.clear();
  EXPECT_TRUE(bring({skill("deploy", false)}));
  EXPECT_NE(agent.system_prompt.find("- deploy: About deploy."), std::string::npos);
}

TEST_F(ChatSkills, AnAgentWithoutSkillsIsLeftAloneWhateverItsWorkspaceHolds) {
  put_own("local");
  ASSERT_TRUE(bring({}));
  EXPECT_TRUE(tools.specs().empty());
  EXPECT_EQ(agent.system_prompt, "");
}

TEST_F(ChatSkills, AnAgentThatListsTheToolUsesThoseOfItsWorkspace) {
  agent.tools = {"use_skill"};
  ASSERT_TRUE(bring({}));
  EXPECT_TRUE(tools.specs().empty());  // There is none.
  put_own("local");
  ASSERT_TRUE(bring({}));
  EXPECT_NE(agent.system_prompt.find("- local: About local. (from the workspace)"), std::string::npos);
  EXPECT_NE(use("local").find("The body of local."), std::string::npos);
}

TEST_F(ChatSkills, ThoseOfTheWorkspaceComeFirst) {
  put_own("deploy");
  agent.skills = {{"deploy", "The platform's."}, {"other", "x"}};
  ASSERT_TRUE(bring({skill("deploy", true), skill("other", true)}));
  EXPECT_EQ(agent.skills.size(), 2U);
  EXPECT_EQ(agent.system_prompt.find("The platform's."), std::string::npos);
  EXPECT_NE(use("deploy").find(".isa/skills/deploy\n"), std::string::npos);
}

TEST_F(ChatSkills, NamesAndPathsAreCheckedHereToo) {
  for (const auto* name : {"../x", "a/b", "", "A"}) EXPECT_FALSE(bring({skill(name, true)})) << name;
  auto odd = skill("deploy", true);
  odd.files->push_back({"../../out", to_base64("x"), false});
  EXPECT_FALSE(bring({odd}));
  odd = skill("deploy", true);
  odd.files->front().content = "no base64!";
  EXPECT_FALSE(bring({odd}));
  EXPECT_FALSE(std::filesystem::exists(folder / ".isa/skills-cache/deploy-aaaaaaaaaaaaaaaa"));
}

}  // namespace
}  // namespace isa::runtime
