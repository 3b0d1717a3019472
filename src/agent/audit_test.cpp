// GET /api/v1/agents/configs/{id}/audit, and the end of a deleted agent.
#include "agent/test_platform.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using net::Method;
using testing::Call;
using testing::Platform;
using testing::TempFolder;
using testing::with_platform;

constexpr const char* kConfigs = "/api/v1/agents/configs";

Task<std::string> create(Platform& p, std::string body = R"({"name":"a"})") {
  const auto agent = co_await p.post(kConfigs, std::move(body));
  co_return fmt::format("{}/{}", kConfigs, std::string_view(agent.at("id").as_string()));
}

std::string actions(const json::value& page) {
  std::string text;
  for (const auto& entry : page.at("entries").as_array())
    text += std::string(entry.at("action").as_string()) + " ";
  return text;
}

TEST(Audit, SaysWhatHappenedToAnAgentNewestFirst) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await create(p);
    std::ignore = co_await p.ask({Method::patch, agent, R"({"name":"b","system_prompt":"the recipe"})"});
    std::ignore = co_await p.post(agent + "/rollback", R"({"version":1})");
    const auto page = co_await p.get(agent + "/audit");

    EXPECT_EQ(actions(page), "rollback update create ");
    const auto& rollback = page.at("entries").at(0);
    EXPECT_EQ(rollback.at("actor_id").as_string(), "ann");
    EXPECT_EQ(rollback.at("restored").as_int64(), 1);
    EXPECT_EQ(json::serialize(page.at("entries").at(1).at("fields")), R"(["name","system_prompt"])");
    EXPECT_EQ(json::serialize(page).find("recipe"), std::string::npos);
    EXPECT_TRUE(page.at("next_cursor").is_null());
  });
}

TEST(Audit, IsReadPageByPage) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await create(p);
    std::ignore = co_await p.ask({Method::patch, agent, R"({"name":"b"})"});
    const auto first = co_await p.get(agent + "/audit?limit=1");
    const auto cursor = std::string(first.at("next_cursor").as_string());
    const auto second = co_await p.get(agent + "/audit?limit=1&cursor=" + cursor);

    EXPECT_EQ(actions(first), "update ");
    EXPECT_EQ(actions(second), "create ");
    EXPECT_EQ((co_await p.send({Method::get, agent + "/audit?limit=201"})).status, 422);
    EXPECT_EQ((co_await p.send({Method::get, agent + "/audit?cursor=x"})).status, 422);
  });
}

TEST(Audit, OfADeletedAgentIsForItsOwnerAlone) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await create(p);
    EXPECT_EQ((co_await p.send({Method::get, agent + "/audit", "", "bob"})).status, 404);
    EXPECT_EQ((co_await p.send({Method::del, agent})).status, 200);

    EXPECT_EQ(actions(co_await p.get(agent + "/audit")), "delete create ");
    EXPECT_EQ((co_await p.send({Method::get, agent + "/audit", "", "bob"})).status, 404);
    EXPECT_EQ((co_await p.send({Method::get, agent + "/versions"})).status, 404);
    EXPECT_EQ((co_await p.send({Method::get, agent + "/versions/1"})).status, 404);
    EXPECT_EQ((co_await p.send({Method::post, agent + "/rollback", R"({"version":1})"})).status, 404);
  });
}

TEST(Audit, ADeletedAgentIsPurgedWhenItsTimeIsOverAndNotBefore) {
  EXPECT_EQ(AgentServiceConfig().deleted_retention, std::chrono::days(30));
  const TempFolder folder;
  const auto whole = [](const std::filesystem::path& at) -> Task<void> {
    const auto executor = co_await asio::this_coro::executor;
    std::string agent;
    {
      Platform first(executor, at);
      EXPECT_TRUE(co_await first.service->start());
      agent = co_await create(first);
      EXPECT_EQ((co_await first.send({Method::del, agent})).status, 200);
      co_await first.service->stop();
    }
    {
      Platform second(executor, at);
      EXPECT_TRUE(co_await second.service->start());
      EXPECT_EQ((co_await second.send({Method::get, agent + "/audit"})).status, 200);
      co_await second.service->stop();
    }
    AgentServiceConfig impatient;
    impatient.deleted_retention = std::chrono::milliseconds(-1000);
    Platform third(executor, at, impatient);
    EXPECT_TRUE(co_await third.service->start());
    // The purge was queued at the start, before this.
    std::ignore = co_await third.post(kConfigs, R"({"name":"another"})");
    EXPECT_EQ((co_await third.send({Method::get, agent + "/audit"})).status, 404);
    co_await third.service->stop();
  };
  isa::testing::run(whole(folder.path()));
}

TEST(Configs, ARollbackSharesWithNoOrgThatTheCallerHasLeft) {
  with_platform([](Platform& p) -> Task<void> {
    const auto as_member = [](Call call) {
      call.orgs.push_back({OrgId("acme"), "member"});
      return call;
    };
    const auto shared = co_await p.ask(
        as_member({Method::post, kConfigs, R"({"name":"a","visibility":"org","org_id":"acme"})"}));
    const auto agent = fmt::format("{}/{}", kConfigs, std::string_view(shared.at("id").as_string()));
    std::ignore = co_await p.ask(as_member({Method::patch, agent, R"({"visibility":"private"})"}));

    const auto refused = co_await p.send({Method::post, agent + "/rollback", R"({"version":1})"});
    EXPECT_EQ(refused.status, 422);
    EXPECT_EQ((co_await p.get(agent)).at("visibility").as_string(), "private");
    const auto restored = co_await p.ask(as_member({Method::post, agent + "/rollback", R"({"version":1})"}));
    EXPECT_EQ(restored.at("org_id").as_string(), "acme");
  });
}

}  // namespace
}  // namespace isa::agent
