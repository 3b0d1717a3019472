// Configs and templates through the routes, on the real store.
#include "agent/templates.h"
#include "agent/test_platform.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using net::Method;
using testing::Call;
using testing::Platform;
using testing::with_platform;

constexpr const char* kConfigs = "/api/v1/agents/configs";
constexpr const char* kTemplates = "/api/v1/agents/templates";

std::string text_at(const json::value& from, std::string_view pointer) {
  boost::system::error_code ec;
  const auto* found = from.find_pointer(pointer, ec);
  return found && found->is_string() ? std::string(found->get_string()) : "";
}

std::string at(const std::string& id, std::string_view rest = "") {
  return fmt::format("{}/{}{}", kConfigs, id, rest);
}

TEST(Configs, AnAgentIsCreatedReadChangedAndDeleted) {
  with_platform([](Platform& p) -> Task<void> {
    const auto created = co_await p.send(
        {Method::post, kConfigs, R"({"name":"E2E","system_prompt":"Be short.","env":"cloud_pool"})"});
    EXPECT_EQ(created.status, 200);
    EXPECT_EQ(created.headers.get("ETag"), "\"1\"");
    const auto agent = json::parse(created.body).value();
    const auto id = text_at(agent, "/id");
    EXPECT_EQ(text_at(agent, "/owner_id"), "ann");
    EXPECT_EQ(text_at(agent, "/source"), "basic");
    EXPECT_EQ(co_await p.get(at(id)), agent);

    const auto changed = co_await p.ask({Method::patch, at(id), R"({"name":"New"})"});
    EXPECT_EQ(text_at(changed, "/name"), "New");
    EXPECT_EQ(text_at(changed, "/system_prompt"), "Be short.");
    EXPECT_EQ(changed.at("version").as_int64(), 2);

    EXPECT_EQ((co_await p.send({Method::del, at(id)})).status, 200);
    EXPECT_EQ((co_await p.send({Method::get, at(id)})).status, 404);
    EXPECT_EQ((co_await p.send({Method::del, at(id)})).status, 404);
    const auto list = co_await p.get(kConfigs);
    EXPECT_TRUE(list.at("agents").as_array().empty());
    EXPECT_TRUE(list.at("next_cursor").is_null());
  });
}

TEST(Configs, IfMatchRefusesALostUpdate) {
  with_platform([](Platform& p) -> Task<void> {
    const auto id = text_at(co_await p.post(kConfigs, R"({"name":"a"})"), "/id");
    const auto patch = [](Platform& to, std::string path, std::string tag) -> Task<int> {
      Call call{Method::patch, std::move(path), R"({"description":"x"})"};
      call.headers["If-Match"] = std::move(tag);
      co_return (co_await to.send(std::move(call))).status;
    };
    EXPECT_EQ(co_await patch(p, at(id), "\"1\""), 200);
    EXPECT_EQ(co_await patch(p, at(id), "\"1\""), 409);
    EXPECT_EQ(co_await patch(p, at(id), "W/\"2\""), 200);
    EXPECT_EQ(co_await patch(p, at(id), "3"), 200);
    EXPECT_EQ(co_await patch(p, at(id), "*"), 200);
    EXPECT_EQ(co_await patch(p, at(id), "\"abc\""), 400);
    Call remove{Method::del, at(id)};
    remove.headers["If-Match"] = "\"1\"";
    EXPECT_EQ((co_await p.send(std::move(remove))).status, 409);
  });
}

TEST(Configs, ChangesAtOnceWithoutIfMatchLoseNoField) {
  with_platform([](Platform& p) -> Task<void> {
    const auto id = text_at(co_await p.post(kConfigs, R"({"name":"a"})"), "/id");
    const auto patch = [](Platform& to, std::string path, std::string body) -> Task<void> {
      const Call call{Method::patch, std::move(path), std::move(body)};
      EXPECT_EQ((co_await to.send(call)).status, 200);
    };
    TaskGroup tasks(co_await asio::this_coro::executor);
    tasks.spawn("one", patch(p, at(id), R"({"name":"b"})"));
    tasks.spawn("two", patch(p, at(id), R"({"description":"d"})"));
    tasks.spawn("three", patch(p, at(id), R"({"system_prompt":"s"})"));
    co_await tasks.join();

    const auto agent = co_await p.get(at(id));
    EXPECT_EQ(text_at(agent, "/name"), "b");
    EXPECT_EQ(text_at(agent, "/description"), "d");
    EXPECT_EQ(text_at(agent, "/system_prompt"), "s");
    EXPECT_EQ(agent.at("version").as_int64(), 4);
  });
}

TEST(Configs, EveryVersionIsKeptAndCanBeRestored) {
  with_platform([](Platform& p) -> Task<void> {
    const auto id = text_at(co_await p.post(kConfigs, R"({"name":"one"})"), "/id");
    std::ignore = co_await p.ask({Method::patch, at(id), R"({"name":"two"})"});
    const auto restored = co_await p.post(at(id, "/rollback"), R"({"version":1})");

    EXPECT_EQ(text_at(restored, "/name"), "one");
    EXPECT_EQ(restored.at("version").as_int64(), 3);
    const auto versions = co_await p.get(at(id, "/versions"));
    EXPECT_EQ(versions.at("versions").as_array().size(), 3u);
    EXPECT_TRUE(versions.at("next_cursor").is_null());
    const auto first = co_await p.get(at(id, "/versions?limit=2"));
    EXPECT_EQ(first.at("versions").as_array().size(), 2u);
    const auto rest = co_await p.get(at(id, "/versions?cursor=" + text_at(first, "/next_cursor")));
    EXPECT_EQ(rest.at_pointer("/versions/0/version").as_int64(), 1);
    EXPECT_EQ(text_at(co_await p.get(at(id, "/versions/2")), "/name"), "two");
    EXPECT_EQ((co_await p.send({Method::get, at(id, "/versions/9")})).status, 404);
    EXPECT_EQ((co_await p.send({Method::get, at(id, "/versions/x")})).status, 404);
    EXPECT_EQ((co_await p.send({Method::post, at(id, "/rollback"), R"({"version":9})"})).status, 404);
  });
}

TEST(Configs, AListIsReadPageByPageNewestUpdateFirst) {
  with_platform([](Platform& p) -> Task<void> {
    for (int i = 0; i < 5; ++i)
      std::ignore = co_await p.post(kConfigs, fmt::format(R"({{"name":"a{}"}})", i));
    std::vector<std::string> names;
    std::string cursor;
    do {
      const auto page =
          co_await p.get(fmt::format("{}?limit=2&cursor={}", kConfigs, net::percent_encode(cursor)));
      for (const auto& agent : page.at("agents").as_array()) names.push_back(text_at(agent, "/name"));
      cursor = text_at(page, "/next_cursor");
    } while (!cursor.empty());

    std::ranges::sort(names);
    const std::vector<std::string> all{"a0", "a1", "a2", "a3", "a4"};
    EXPECT_EQ(names, all);
    EXPECT_EQ((co_await p.send({Method::get, std::string(kConfigs) + "?limit=0"})).status, 422);
    EXPECT_EQ((co_await p.send({Method::get, std::string(kConfigs) + "?limit=201"})).status, 422);
  });
}

TEST(Configs, AnAgentFromATemplateInheritsWhatItsBodyDoesNotName) {
  with_platform([](Platform& p) -> Task<void> {
    const auto plain = co_await p.post(
        kConfigs, R"({"name":"My Researcher","template_id":"researcher","source":"template"})");
    EXPECT_EQ(text_at(plain, "/mode"), "COLLABORATIVE");
    EXPECT_EQ(text_at(plain, "/system_prompt"), "You are a research-focused assistant.\n");
    EXPECT_EQ(plain.at("tools").as_array().size(), 4u);
    EXPECT_EQ(text_at(plain, "/source"), "template");
    const auto changed =
        co_await p.post(kConfigs, R"({"name":"r","template_id":"researcher","mode":"REACTIVE"})");
    EXPECT_EQ(text_at(changed, "/mode"), "REACTIVE");
    const auto unknown = co_await p.send({Method::post, kConfigs, R"({"name":"r","template_id":"nope"})"});
    EXPECT_EQ(unknown.status, 404);
    EXPECT_NE(unknown.body.find("template_not_found"), std::string::npos);
  });
}

TEST(Configs, WhatBelongsToSomebodyElseIsNotThere) {
  with_platform([](Platform& p) -> Task<void> {
    const auto id = text_at(co_await p.post(kConfigs, R"({"name":"a"})"), "/id");
    const auto chat =
        co_await p.post("/api/v1/agents/chat", R"({"message":"m","stream":false,"session_id":"s"})");
    const auto run = text_at(chat, "/run_id");
    const std::vector<Call> calls{
        {Method::get, at(id), "", "bob"},
        {Method::patch, at(id), R"({"name":"b"})", "bob"},
        {Method::del, at(id), "", "bob"},
        {Method::get, at(id, "/versions"), "", "bob"},
        {Method::get, at(id, "/versions/1"), "", "bob"},
        {Method::post, at(id, "/rollback"), R"({"version":1})", "bob"},
        {Method::post, "/api/v1/agents/chat", R"({"message":"m","agent_config_id":")" + id + R"("})", "bob"},
        {Method::post, "/api/v1/agents/chat", R"({"message":"m","session_id":"s"})", "bob"},
        {Method::post, "/query", R"({"prompt":"m","session_id":"s"})", "bob"},
        {Method::post, "/api/v1/agents/sessions", R"({"session_id":"s"})", "bob"},
        {Method::post, "/api/v1/agents/sessions", R"({"agent_config_id":")" + id + R"("})", "bob"},
        {Method::get, "/api/v1/agents/sessions/s", "", "bob"},
        {Method::del, "/api/v1/agents/sessions/s", "", "bob"},
        {Method::get, "/api/v1/agents/sessions/s/messages", "", "bob"},
        {Method::get, "/api/v1/agents/sessions/s/runs", "", "bob"},
        {Method::get, "/api/v1/agents/runs/" + run, "", "bob"},
        {Method::get, "/api/v1/agents/runs/" + run + "/events", "", "bob"},
        {Method::post, "/api/v1/agents/runs/" + run + "/cancel", "", "bob"},
    };
    for (const auto& call : calls) {
      const auto response = co_await p.send(call);
      EXPECT_EQ(response.status, 404) << net::to_string(call.method) << " " << call.path;
    }
    const auto list = co_await p.ask({Method::get, kConfigs, "", "bob"});
    EXPECT_TRUE(list.at("agents").as_array().empty());
    EXPECT_EQ(text_at(co_await p.get(at(id)), "/name"), "a");
    EXPECT_EQ((co_await p.send({Method::get, "/api/v1/agents/sessions/s"})).status, 200);
  });
}

TEST(Configs, ASharedAgentIsReadByTheOrgAndChangedByItsAdmins) {
  with_platform([](Platform& p) -> Task<void> {
    const auto with_org = [](Call call, const char* role) {
      call.orgs.push_back({OrgId("acme"), role});
      return call;
    };
    const auto shared = co_await p.ask(
        with_org({Method::post, kConfigs, R"({"name":"a","visibility":"org","org_id":"acme"})"}, "member"));
    const auto id = text_at(shared, "/id");

    EXPECT_EQ((co_await p.send(with_org({Method::get, at(id), "", "bob"}, "viewer"))).status, 200);
    EXPECT_EQ((co_await p.send({Method::get, at(id), "", "eve"})).status, 404);
    EXPECT_EQ((co_await p.send(with_org({Method::patch, at(id), R"({"name":"b"})", "bob"}, "member"))).status,
              403);
    EXPECT_EQ((co_await p.send(with_org({Method::patch, at(id), R"({"name":"b"})", "root"}, "admin"))).status,
              200);
    EXPECT_EQ((co_await p.send(with_org({Method::del, at(id), "", "bob"}, "member"))).status, 403);
  });
}

TEST(Templates, BuiltInOnesArePublicAndUnchangeable) {
  with_platform([](Platform& p) -> Task<void> {
    const auto list = co_await p.ask({Method::get, kTemplates, "", ""});
    EXPECT_EQ(list.at("templates").as_array().size(), 2u);
    const auto one = co_await p.ask({Method::get, std::string(kTemplates) + "/researcher", "", ""});
    EXPECT_EQ(text_at(one, "/name"), "Web Researcher");
    EXPECT_EQ((co_await p.send({Method::get, std::string(kTemplates) + "/nope", "", ""})).status, 404);
    EXPECT_EQ((co_await p.send({Method::del, std::string(kTemplates) + "/plain"})).status, 403);
    EXPECT_EQ((co_await p.send({Method::put, std::string(kTemplates) + "/plain", R"({"name":"x"})"})).status,
              403);
    EXPECT_EQ((co_await p.send({Method::post, kTemplates, R"({"id":"plain","name":"x"})"})).status, 409);
  });
}

TEST(Templates, TheEightOfTheDesignLoad) {
  const auto loaded = load_templates(std::filesystem::path(ISA_SOURCE_DIR) / "templates");
  ASSERT_TRUE(loaded) << loaded.error().message();
  std::map<std::string, store::AgentTemplate> by_id;
  for (const auto& item : *loaded) by_id[item.id.value()] = item;

  for (const auto* id : {"basic-assistant", "researcher", "data-analyst", "report-writer", "code-reviewer",
                         "debugger", "content-creator", "customer-support"})
    EXPECT_TRUE(by_id.contains(id)) << id;
  const std::vector<std::string> basic{"read_file", "write_file", "edit_file", "bash_execute", "glob_files"};
  EXPECT_EQ(by_id["basic-assistant"].tools, basic);
  const std::vector<std::string> web{"web_search", "web_crawl", "read_file", "write_file"};
  EXPECT_EQ(by_id["researcher"].tools, web);
  EXPECT_EQ(by_id["researcher"].mode, store::Mode::COLLABORATIVE);
}

TEST(Templates, UsersKeepTheirOwn) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await p.post(kTemplates, R"({"id":"mine","name":"Mine","tools":["read_file"]})");
    EXPECT_EQ(text_at(made, "/owner_id"), "ann");
    const auto path = std::string(kTemplates) + "/mine";
    const auto replaced = co_await p.ask({Method::put, path, R"({"name":"Still mine"})"});
    EXPECT_EQ(replaced.at("version").as_int64(), 2);
    EXPECT_TRUE(replaced.at("tools").as_array().empty());
    const auto agent = co_await p.post(kConfigs, R"({"template_id":"mine"})");
    EXPECT_EQ(text_at(agent, "/name"), "Still mine");

    EXPECT_EQ((co_await p.send({Method::get, path, "", "bob"})).status, 404);
    EXPECT_EQ((co_await p.send({Method::get, path, "", ""})).status, 404);
    EXPECT_EQ((co_await p.send({Method::del, path, "", "bob"})).status, 404);
    EXPECT_EQ((co_await p.send({Method::del, path})).status, 200);
    EXPECT_EQ((co_await p.send({Method::get, path})).status, 404);
  });
}

std::string load_error(const std::string& yaml) {
  const testing::TempFolder folder;
  std::ofstream(folder / "bad.yaml") << yaml;
  const auto loaded = load_templates(folder.path());
  return loaded ? "" : loaded.error().message();
}

TEST(Templates, ABadFileIsAStartErrorThatNamesIt) {
  EXPECT_EQ(load_error("id: a\nname: [\n").substr(0, 51),
            "the template file bad.yaml is not valid: line 2, at");
  EXPECT_EQ(load_error("id: a\nname: A\ncolour: red\n"),
            "the template file bad.yaml is not valid: /colour: unknown field");
  EXPECT_EQ(load_error("id: a\nname: A\ntools: [fly]\n"),
            "the template file bad.yaml is not valid: /tools/0: unknown tool 'fly'");
  EXPECT_EQ(load_error("id: a\nid: b\n"),
            "the template file bad.yaml is not valid: line 2: the key 'id' is there twice");
  EXPECT_EQ(load_error("name: A\n"), "the template file bad.yaml is not valid: /id: this field is required");
  EXPECT_NE(load_templates("/nonexistent").error().message().find("agent.templates_dir"), std::string::npos);
}

}  // namespace
}  // namespace isa::agent
