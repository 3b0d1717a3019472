// Skills through the routes, on the real store, and as agents use them in env cloud_shared.
#include "agent/skills/library.h"
#include "agent/templates.h"
#include "agent/test_platform.h"
#include "base/archive/zip.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using net::Method;
using testing::Call;
using testing::Platform;
using testing::TempFolder;
using testing::with_platform;

const std::string kSkills = "/api/v1/agents/skills";
const std::string kConfigs = "/api/v1/agents/configs";

std::string document(std::string_view name, std::string_view body = "Body.") {
  return fmt::format("---\nname: {}\ndescription: About {}.\n---\n{}\n", name, name, body);
}

Call upload(std::vector<PackedFile> files, std::string user = "ann", std::string query = "") {
  Call call{Method::post, kSkills + query, write_zip(std::move(files)).value(), std::move(user)};
  call.headers["Content-Type"] = "application/zip";
  return call;
}

Call upload(std::string_view name, std::string user = "ann", std::string query = "") {
  return upload({{fmt::format("{}/SKILL.md", name), document(name)},
                 {fmt::format("{}/scripts/run.sh", name), "#!/bin/sh\necho ran\n"},
                 {fmt::format("{}/assets/x.bin", name), std::string("\0\xFF", 2)}},
                std::move(user), std::move(query));
}

Call of_org(Call call, std::string role = "member") {
  call.orgs = {{OrgId("acme"), std::move(role)}};
  return call;
}

std::string text_at(const json::value& from, std::string_view pointer) {
  boost::system::error_code ec;
  const auto* found = from.find_pointer(pointer, ec);
  return found && found->is_string() ? std::string(found->as_string()) : json::serialize(from);
}

TEST(Skills, BuiltInOnesArePublicAndUnchangeable) {
  with_platform([](Platform& p) -> Task<void> {
    const auto list = co_await p.ask({Method::get, kSkills, "", ""});
    EXPECT_EQ(list.at("skills").as_array().size(), 2u);
    const auto one = co_await p.ask({Method::get, kSkills + "/web", "", ""});
    EXPECT_EQ(text_at(one, "/origin"), "built_in");
    EXPECT_EQ(text_at(one, "/instructions"), "The body of web.");
    EXPECT_FALSE(one.as_object().contains("id"));
    const auto file = co_await p.ask({Method::get, kSkills + "/web?file=references/more.md", "", ""});
    EXPECT_EQ(text_at(file, "/text"), "more about web\n");
    EXPECT_EQ((co_await p.send({Method::del, kSkills + "/web"})).status, 403);
    auto put = upload("web");
    put.method = Method::put;
    put.path = kSkills + "/web";
    EXPECT_EQ((co_await p.send(put)).status, 403);
  });
}

TEST(Skills, TheNineOfTheDesignLoadAndTheTemplatesNameThem) {
  const auto root = std::filesystem::path(ISA_SOURCE_DIR);
  const auto loaded = load_skills(root / "skills");
  ASSERT_TRUE(loaded) << loaded.error().message();
  std::set<std::string> names;
  for (const auto& one : *loaded) names.insert(one.skill.name);
  const std::set<std::string> expected{"filesystem", "code",        "web",           "code-review",   "debug",
                                       "refactor",   "test-writer", "documentation", "security-audit"};
  EXPECT_EQ(names, expected);
  for (const auto& item : load_templates(root / "templates").value())
    for (const auto& skill : item.skills)
      EXPECT_TRUE(names.contains(skill)) << item.id.value() << ": " << skill;
}

TEST(Skills, ABadBuiltInFolderIsAStartErrorThatNamesIt) {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "bad");
  std::ofstream(folder / "bad/SKILL.md") << "---\nname: bad\n---\n";
  EXPECT_EQ(load_skills(folder.path()).error().message(),
            "the built-in skill bad is not valid: SKILL.md: /description: this field is required");
  EXPECT_NE(load_skills("/nonexistent").error().message().find("agent.skills_dir"), std::string::npos);
}

TEST(Skills, AZipBecomesASkillOfItsOwner) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await p.ask(upload("deploy"));
    EXPECT_EQ(text_at(made, "/origin"), "own");
    EXPECT_EQ(text_at(made, "/owner_id"), "ann");
    EXPECT_EQ(made.at("files").as_array().size(), 3u);
    EXPECT_TRUE(made.at_pointer("/files/2/is_executable").as_bool());
    const auto file = co_await p.get(kSkills + "/deploy?file=assets/x.bin");
    EXPECT_EQ(text_at(file, "/base64"), "AP8=");
    EXPECT_EQ((co_await p.send({Method::get, kSkills + "/deploy?file=../x"})).status, 404);
    EXPECT_EQ((co_await p.send(upload("deploy"))).status, 409);
    for (const auto* user : {"bob", ""}) {
      EXPECT_EQ((co_await p.send({Method::get, kSkills + "/deploy", "", user})).status, 404);
      EXPECT_EQ((co_await p.ask({Method::get, kSkills, "", user})).at("skills").as_array().size(), 2u);
    }
    EXPECT_EQ((co_await p.send({Method::del, kSkills + "/deploy", "", "bob"})).status, 404);
    EXPECT_EQ((co_await p.send({Method::del, kSkills + "/deploy"})).status, 200);
    EXPECT_EQ((co_await p.send({Method::get, kSkills + "/deploy"})).status, 404);
  });
}

TEST(Skills, ARefusalNamesTheEntryTheFileOrTheField) {
  with_platform([](Platform& p) -> Task<void> {
    const auto refusal = [&p](Call call) -> Task<std::string> {
      const auto answer = co_await p.ask(std::move(call));
      co_return text_at(answer, "/error/message");
    };
    EXPECT_EQ(co_await refusal(upload({{"a/SKILL.md", document("b")}})),
              "SKILL.md: /name: 'b' is not the name of the folder, 'a'");
    const auto broken = co_await refusal(upload({{"a/SKILL.md", "---\nname: a\n  x: [\n---\n"}}));
    EXPECT_TRUE(broken.starts_with("SKILL.md: line ")) << broken;
    EXPECT_EQ(co_await refusal(upload({{"SKILL.md", document("a")}, {"scripts/x.sh", ""}})),
              "'SKILL.md' is at the top of the archive: the archive must hold one folder that bears the "
              "skill's name, and all files in it");
    EXPECT_NE((co_await refusal(upload({{"a/SKILL.md", document("a")}, {"b/x", ""}}))).find("'b/x'"),
              std::string::npos);
    EXPECT_NE((co_await refusal({Method::post, kSkills, R"({"files":{"x":"y"}})"})).find("no SKILL.md"),
              std::string::npos);
    EXPECT_NE((co_await refusal({Method::post, kSkills, R"({"files":{},"nope":1})"})).find("/nope"),
              std::string::npos);
    auto zip = upload("a", "ann", "?visibility=everybody");
    EXPECT_NE((co_await refusal(zip)).find("private or org"), std::string::npos);
    auto odd = upload("a");
    odd.headers["Content-Type"] = "text/html";
    EXPECT_EQ((co_await p.send(odd)).status, 422);
  });
}

TEST(Skills, AReplacementIsANewVersion) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await p.ask(upload("deploy"));
    Call put{Method::put, kSkills + "/deploy",
             json::serialize(
                 json::object{{"files", json::object{{"SKILL.md", document("deploy", "New body.")}}}})};
    put.headers["If-Match"] = "\"1\"";
    const auto next = co_await p.ask(put);
    EXPECT_EQ(next.at("version").as_int64(), 2);
    EXPECT_NE(text_at(next, "/hash"), text_at(made, "/hash"));
    EXPECT_EQ(text_at(co_await p.get(kSkills + "/deploy"), "/instructions"), "New body.");
    EXPECT_EQ((co_await p.send(put)).status, 409);
    put.headers.clear();
    put.body = R"({"files":{"SKILL.md":"---\nname: other\ndescription: d\n---\n"}})";
    EXPECT_EQ((co_await p.send(put)).status, 422);
    put.path = kSkills + "/nope";
    EXPECT_EQ((co_await p.send(put)).status, 404);
  });
}

TEST(Skills, WhatIsSharedIsSeenByTheOrganizationAndChangedByItsAdmins) {
  with_platform([](Platform& p) -> Task<void> {
    EXPECT_EQ((co_await p.send(of_org(upload("deploy", "ann", "?visibility=org")))).status, 200);
    const auto seen = co_await p.ask(of_org({Method::get, kSkills + "/deploy", "", "bob"}));
    EXPECT_EQ(text_at(seen, "/origin"), "org");
    EXPECT_EQ((co_await p.send(of_org({Method::del, kSkills + "/deploy", "", "bob"}))).status, 403);
    EXPECT_EQ((co_await p.send(of_org(upload("deploy", "bob", "?visibility=org")))).status, 409);
    EXPECT_EQ((co_await p.send(upload("own", "bob", "?visibility=org&org_id=acme"))).status, 422);
    EXPECT_EQ((co_await p.send(of_org(upload("deploy", "bob")))).status, 200);
    EXPECT_EQ(text_at(co_await p.ask(of_org({Method::get, kSkills + "/deploy", "", "bob"})), "/origin"),
              "own");
    EXPECT_EQ((co_await p.send(of_org({Method::del, kSkills + "/deploy", "", "root"}, "admin"))).status, 200);
  });
}

TEST(Skills, AnAgentListsOnlySkillsThatExist) {
  with_platform([](Platform& p) -> Task<void> {
    const auto refused = co_await p.post(kConfigs, R"({"name":"a","skills":["web","nope"]})");
    EXPECT_EQ(text_at(refused, "/error/message").substr(0, 33), "/skills/1: unknown skill 'nope'; ");
    EXPECT_EQ(text_at(refused, "/error/param"), "/skills/1");
    EXPECT_EQ((co_await p.send({Method::post, kConfigs, R"({"name":"a","skills":["../web"]})"})).status, 422);
    std::ignore = co_await p.ask(upload("deploy"));
    EXPECT_EQ(
        (co_await p.send({Method::post, kConfigs, R"({"name":"a","skills":["deploy"]})", "bob"})).status,
        422);
    const auto agent = co_await p.post(kConfigs, R"({"name":"a","skills":["web","deploy"]})");
    const auto path = kConfigs + "/" + text_at(agent, "/id");
    EXPECT_EQ((co_await p.send({Method::patch, path, R"({"skills":["gone"]})"})).status, 422);
    EXPECT_EQ((co_await p.send({Method::del, kSkills + "/deploy"})).status, 200);
    EXPECT_EQ((co_await p.send({Method::patch, path, R"({"name":"still fine"})"})).status, 200);
    EXPECT_EQ((co_await p.send({Method::post, kConfigs, R"({"template_id":"researcher"})"})).status, 200);
    EXPECT_EQ((co_await p.send({Method::post, "/api/v1/agents/templates", R"({"name":"t","skills":["x"]})"}))
                  .status,
              422);
  });
}

TEST(Skills, TheLibraryLooksAtOnesOwnThenTheAgentsOrganizationThenTheOthersThenTheBuiltIn) {
  with_platform([](Platform& p) -> Task<void> {
    SkillLibrary library(load_skills(std::filesystem::path(ISA_SOURCE_DIR) / "skills").value(),
                         p.store->skills());
    const auto put = [&](std::string owner, std::string org, std::string name) -> Task<void> {
      const std::vector<PackedFile> files{{"SKILL.md", document(name)}};
      SkillUpload given{skill_of(name, files).value(), files, {}, {}};
      Identity author{.user = UserId(owner)};
      if (!org.empty()) {
        given.visibility = store::Visibility::org;
        author.orgs = {{OrgId(org), "member"}};
      }
      const auto made = co_await library.create(author, SkillId::make(), given);
      EXPECT_TRUE(made);
    };
    co_await put("x", "one", "code");
    co_await put("y", "two", "code");
    Identity bob{.user = UserId("bob"), .orgs = {{OrgId("one"), "member"}, {OrgId("two"), "member"}}};
    const std::vector<std::string> names{"code", "web", "gone", "code"};

    auto turn = (co_await library.of_turn(bob, names, OrgId("two"))).value();
    EXPECT_EQ(turn.skills.size(), 2u);
    EXPECT_EQ(turn.skills[0].owner_id, UserId("y"));
    EXPECT_TRUE(is_built_in(turn.skills[1]));
    EXPECT_EQ(turn.missing.size(), 1u);
    EXPECT_EQ(turn.missing[0].name, "gone");
    co_await put("bob", "", "code");
    turn = (co_await library.of_turn(bob, names, OrgId("two"))).value();
    EXPECT_EQ(turn.skills[0].owner_id, UserId("bob"));
    turn = (co_await library.of_turn(Identity{.user = UserId("eve")}, names, OrgId("two"))).value();
    EXPECT_TRUE(is_built_in(turn.skills[0]));
  });
}

// Of ann, shared with acme, with a skill that is hers alone.
Task<std::string> shared_agent(Platform& p) {
  std::ignore = co_await p.ask(upload("deploy"));
  const auto agent =
      co_await p.ask(of_org({Method::post, kConfigs,
                             R"({"name":"a","env":"cloud_shared","visibility":"org","skills":["deploy"]})"}));
  co_return text_at(agent, "/id");
}

// What the model was told of skills when `user` chatted.
Task<std::string> prompt_for(Platform& p, std::string agent, std::string user) {
  auto answer = co_await p.ask(
      of_org({Method::post, "/api/v1/agents/chat",
              fmt::format(R"({{"agent_config_id":"{}","message":"hi","stream":false}})", agent), user}));
  EXPECT_EQ(text_at(answer, "/status"), "success");
  co_return p.model.requests.back().messages.front().text();
}

TEST(Skills, AnAgentThatIsSharedWorksAlikeForEverybody) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await shared_agent(p);
    const std::vector<PackedFile> other{
        {"deploy/SKILL.md", "---\nname: deploy\ndescription: Of bob.\n---\nx\n"}};
    EXPECT_EQ((co_await p.send(upload(other, "bob"))).status, 200);
    const auto for_ann = co_await prompt_for(p, agent, "ann");
    EXPECT_NE(for_ann.find("- deploy: About deploy."), std::string::npos);
    EXPECT_EQ(co_await prompt_for(p, agent, "bob"), for_ann);
    // It comes through the agent alone.
    EXPECT_EQ((co_await p.send(of_org({Method::get, kSkills + "/deploy?file=SKILL.md", "", "eve"}))).status,
              404);
  });
}

TEST(Skills, WhoChangesASharedAgentGivesItNothingThatHeDoesNotSee) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await shared_agent(p);
    std::ignore = co_await p.ask(upload("private"));
    const auto patch = [&](std::string body, std::string user) {
      return of_org({Method::patch, kConfigs + "/" + agent, std::move(body), std::move(user)}, "admin");
    };
    const auto refused = co_await p.ask(patch(R"({"skills":["deploy","private"]})", "root"));
    EXPECT_EQ(text_at(refused, "/error/param"), "/skills/1");
    // What its owner gave it stays, and what everybody has may come.
    EXPECT_EQ((co_await p.send(patch(R"({"skills":["deploy","web"]})", "root"))).status, 200);
    EXPECT_EQ((co_await p.send(patch(R"({"skills":["deploy","private"]})", "ann"))).status, 200);
    // Nor does he show it to others.
    auto moved = patch(R"({"org_id":"other"})", "root");
    moved.orgs.push_back({OrgId("other"), "admin"});
    EXPECT_EQ((co_await p.send(moved)).status, 422);
  });
}

TEST(Skills, TheModelIsToldNamesAndDescriptionsAndReadsTheRestWhenItAsks) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await p.post(
        kConfigs, R"({"name":"a","env":"cloud_shared","system_prompt":"Be kind.","skills":["web","plain"]})");
    const auto answer = co_await p.post(
        "/api/v1/agents/chat",
        fmt::format(R"({{"agent_config_id":"{}","message":"hi","stream":false}})", text_at(agent, "/id")));
    EXPECT_EQ(text_at(answer, "/status"), "success");
    const auto& asked = p.model.requests.back();
    const auto prompt = asked.messages.front().text();
    EXPECT_TRUE(prompt.starts_with("Be kind.\n\n# Skills"));
    EXPECT_NE(prompt.find("- web: About web."), std::string::npos);
    EXPECT_EQ(prompt.find("The body of web"), std::string::npos);
    EXPECT_EQ(asked.tools.size(), 1u);
    EXPECT_EQ(asked.tools.front().name, "use_skill");
  });
}

TEST(Skills, AnAgentWithoutSkillsHasNoToolForThem) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await p.post(kConfigs, R"({"name":"a","env":"cloud_shared"})");
    std::ignore = co_await p.post(
        "/api/v1/agents/chat",
        fmt::format(R"({{"agent_config_id":"{}","message":"hi","stream":false}})", text_at(agent, "/id")));
    EXPECT_TRUE(p.model.requests.back().tools.empty());
  });
}

TEST(Skills, OneThatIsGoneIsSaidAndTheChatGoesOn) {
  with_platform([](Platform& p) -> Task<void> {
    std::ignore = co_await p.ask(upload("deploy"));
    const auto agent =
        co_await p.post(kConfigs, R"({"name":"a","env":"cloud_shared","skills":["deploy","web"]})");
    EXPECT_EQ((co_await p.send({Method::del, kSkills + "/deploy"})).status, 200);
    auto response =
        co_await p.send({Method::post, "/api/v1/agents/chat",
                         fmt::format(R"({{"agent_config_id":"{}","message":"hi"}})", text_at(agent, "/id"))});
    const auto stream = co_await p.read(std::move(response));
    EXPECT_NE(stream.find(R"("event":"skills.unavailable","skills":["deploy"])"), std::string::npos);
    EXPECT_NE(stream.find(R"("subtype":"success")"), std::string::npos);
  });
}

}  // namespace
}  // namespace isa::agent
