#include "base/testing.h"
#include "sdk/skills/skill.h"
#include "sdk/skills/skill_folders.h"

#include <gtest/gtest.h>

#include <fstream>

#include <unistd.h>

namespace isa::sdk {
namespace {

namespace fs = std::filesystem;

std::string document(std::string_view name, std::string_view body) {
  return fmt::format("---\nname: {}\ndescription: About {}.\nallowed-tools: Bash\n---\n{}\n", name, name,
                     body);
}

struct UseSkill : ::testing::Test {
  isa::testing::TempFolder folder;
  fs::path root = folder / "work";
  std::shared_ptr<SkillFolders> skills = make();
  const SkillVersion deploy{"deploy", std::string(64, 'a')};

  std::shared_ptr<SkillFolders> make() {
    fs::create_directories(root);
    return std::make_shared<SkillFolders>(root);
  }
  ToolOutput use(json::object arguments, std::shared_ptr<ToolBox> box = nullptr) {
    if (!box) {
      box = std::make_shared<ToolBox>(std::vector<std::shared_ptr<Tool>>(), std::vector<std::string>());
      box->grant(make_use_skill(skills));
    }
    const auto call = Part::make_tool_call("1", "use_skill", json::serialize(arguments));
    return isa::testing::run(box->call(call, Deadline::never()));
  }
  void put(const std::string& name, const std::string& content) {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name, std::ios::binary) << content;
  }
  void install() {
    const std::vector<PackedFile> files{{"SKILL.md", document("deploy", "Run scripts/go.sh.")},
                                        {"scripts/go.sh", "#!/bin/sh\necho went\n", true},
                                        {"references/rules.md", "Rule one.\n"},
                                        {"assets/logo.png", std::string("\x89PNG\0", 5)}};
    ASSERT_TRUE(isa::testing::run(skills->install(deploy, files)));
    EXPECT_TRUE(isa::testing::run(skills->choose({deploy})).value().empty());
  }
};

TEST_F(UseSkill, TheBodyComesWithTheFolderAndTheNamesOfTheOtherFiles) {
  install();
  const auto output = use({{"name", "deploy"}});

  EXPECT_FALSE(output.is_error) << output.text;
  EXPECT_NE(output.text.find("Run scripts/go.sh."), std::string::npos);
  EXPECT_NE(output.text.find(".isa/skills-cache/deploy-aaaaaaaaaaaaaaaa"), std::string::npos);
  EXPECT_NE(output.text.find("assets/logo.png, references/rules.md, scripts/go.sh"), std::string::npos);
  EXPECT_NE(output.text.find("You have your own tools only"), std::string::npos);
  EXPECT_EQ(output.text.find("description:"), std::string::npos);
}

TEST_F(UseSkill, ADocumentInLowerCaseIsOneToo) {
  put(".isa/skills/技能/skill.md", document("技能", "Go."));
  put(".isa/skills/技能/more.md", "More.");

  EXPECT_EQ(isa::testing::run(skills->of_workspace()).value().size(), 1U);
  const auto output = use({{"name", "技能"}});
  EXPECT_FALSE(output.is_error) << output.text;
  EXPECT_NE(output.text.find("Go."), std::string::npos);
  EXPECT_NE(output.text.find("reads one): more.md\n"), std::string::npos) << output.text;
}

TEST_F(UseSkill, AFileOfTheSkillIsRead) {
  install();
  EXPECT_EQ(use({{"name", "deploy"}, {"file", "references/rules.md"}}).text, "Rule one.\n");
  const auto binary = use({{"name", "deploy"}, {"file", "assets/logo.png"}});
  EXPECT_TRUE(binary.is_error);
  EXPECT_NE(binary.text.find("is no text; it is at .isa/skills-cache/"), std::string::npos);
  EXPECT_TRUE(use({{"name", "deploy"}, {"file", "nothing.md"}}).is_error);
}

TEST_F(UseSkill, AScriptOfTheSkillIsAProgram) {
  install();
  const auto script = root / ".isa/skills-cache/deploy-aaaaaaaaaaaaaaaa/scripts/go.sh";
  EXPECT_EQ(::access(script.c_str(), X_OK), 0);
}

TEST_F(UseSkill, NoNameAndNoFileLeadsOutOfTheSkill) {
  install();
  put("secret.txt", "the secret");
  std::ofstream(folder / "outside.txt") << "the secret";
  fs::create_symlink("../../secret.txt", root / ".isa/skills-cache/deploy-aaaaaaaaaaaaaaaa/link.md");
  put(".isa/skills/linked/x", "");
  fs::create_symlink("../../../secret.txt", root / ".isa/skills/linked/SKILL.md");

  for (const auto* name : {"..", "../..", "/etc", "deploy/../..", "DEPLOY", "", "linked", "."})
    EXPECT_TRUE(use({{"name", name}}).is_error) << name;
  for (const auto* file : {"../../../secret.txt", "/etc/passwd", "scripts/../../../../secret.txt", "link.md",
                           "..", "scripts", ""}) {
    const auto output = use({{"name", "deploy"}, {"file", file}});
    EXPECT_TRUE(output.is_error) << file;
    EXPECT_EQ(output.text.find("the secret"), std::string::npos) << file;
  }
}

TEST_F(UseSkill, ASkillOfTheWorkspaceComesFirst) {
  install();
  put(".isa/skills/deploy/SKILL.md", document("deploy", "The team's own way."));
  put(".isa/skills/local/SKILL.md", document("local", "Local."));
  put(".isa/skills/broken/SKILL.md", "no front matter");
  put(".isa/skills/other-name/SKILL.md", document("local", "x"));
  put(".isa/skills/Bad_Name/SKILL.md", document("local", "x"));

  EXPECT_NE(use({{"name", "deploy"}}).text.find("The team's own way."), std::string::npos);
  EXPECT_NE(use({{"name", "local"}}).text.find("Local."), std::string::npos);
  EXPECT_NE(use({{"name", "broken"}}).text.find("SKILL.md: line 1"), std::string::npos);
  const auto found = isa::testing::run(skills->of_workspace()).value();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "deploy");
  EXPECT_EQ(found[1].description, "About local.");
}

TEST_F(UseSkill, WhatWasNotChosenIsNotThere) {
  install();
  EXPECT_TRUE(isa::testing::run(skills->choose({})).value().empty());
  EXPECT_NE(use({{"name", "deploy"}}).text.find("there is no skill 'deploy'; yours are: none"),
            std::string::npos);
  EXPECT_EQ(isa::testing::run(skills->choose({{"deploy", std::string(64, 'b')}})).value(),
            std::vector<std::string>{"deploy"});
  EXPECT_FALSE(isa::testing::run(skills->choose({{"../x", "a"}})));
}

TEST_F(UseSkill, WhatWasDamagedIsWrittenAgain) {
  install();
  fs::remove(root / ".isa/skills-cache/deploy-aaaaaaaaaaaaaaaa/SKILL.md");
  EXPECT_EQ(isa::testing::run(skills->choose({deploy})).value().size(), 1U);
  install();
  EXPECT_FALSE(use({{"name", "deploy"}}).is_error);
  std::size_t entries = 0;
  for (const auto& entry : fs::directory_iterator(root / ".isa/skills-cache"))
    entries += entry.exists() ? 1 : 0;
  EXPECT_EQ(entries, 1U);  // Nothing temporary is left.
}

TEST_F(UseSkill, ALongTextComesInPieces) {
  put(".isa/skills/long/SKILL.md", document("long", std::string(kSkillTextMax, 'x') + "the end"));
  const auto first = use({{"name", "long"}});
  EXPECT_TRUE(first.truncated);
  EXPECT_LT(first.text.size(), kSkillTextMax + 1024);
  EXPECT_NE(first.text.find("go on with offset 65536"), std::string::npos);
  EXPECT_NE(use({{"name", "long"}, {"offset", kSkillTextMax}}).text.find("\nthe end"), std::string::npos);
  EXPECT_TRUE(use({{"name", "long"}, {"offset", 1 << 20}}).is_error);
}

// The original gave planning tools to whoever asked for a skill (reference, bug 11).
TEST_F(UseSkill, ASkillGivesNoToolToAnybody) {
  install();
  auto available = workspace_tools({.path = root}).value();
  auto box = std::make_shared<ToolBox>(std::move(available), std::vector<std::string>{"read_file"});
  box->grant(make_use_skill(skills));
  EXPECT_FALSE(use({{"name", "deploy"}}, box).is_error);

  std::vector<std::string> names;
  for (const auto& spec : box->specs()) names.push_back(spec.name);
  EXPECT_EQ(names, (std::vector<std::string>{"read_file", "use_skill"}));
  const auto call = Part::make_tool_call("1", "bash_execute", R"({"command":"id"})");
  EXPECT_TRUE(isa::testing::run(box->call(call, Deadline::never())).is_error);
}

}  // namespace
}  // namespace isa::sdk
