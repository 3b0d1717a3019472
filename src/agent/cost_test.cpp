// What runs cost and the limit on it, through the routes: the agent service, the SDK's loop and the store are
// real.
#include "agent/test_platform.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using net::Method;
using testing::Call;
using testing::Platform;
using testing::with_platform;

constexpr std::string_view kConfigs = "/api/v1/agents/configs";

std::string text_at(const json::value& from, std::string_view pointer) {
  boost::system::error_code ec;
  const auto* found = from.find_pointer(pointer, ec);
  return found && found->is_string() ? std::string(found->get_string()) : "";
}

// Nothing where there is no number.
std::optional<double> number_at(const json::value& from, std::string_view pointer) {
  boost::system::error_code ec;
  const auto* found = from.find_pointer(pointer, ec);
  return found && found->is_number() ? std::optional(found->to_number<double>()) : std::nullopt;
}

Task<std::string> agent_with(Platform& p, std::string more) {
  const auto body = fmt::format(R"({{"name":"a","env":"cloud_shared","model_id":"builtin/demo",{}}})", more);
  const auto agent = co_await p.post(std::string(kConfigs), body);
  EXPECT_NE(text_at(agent, "/id"), "") << json::serialize(agent);
  co_return text_at(agent, "/id");
}

Task<net::Response> chat_with(Platform& p, std::string agent) {
  Call call{Method::post, "/api/v1/agents/chat"};
  call.body = fmt::format(R"({{"message":"hi","stream":false,"agent_config_id":"{}"}})", agent);
  co_return co_await p.send(std::move(call));
}

// An agent that is a team of two tasks, one after the other.
Task<std::string> team_with(Platform& p, std::string limits) {
  const auto spec = co_await p.post(
      "/api/v1/agents/multi-specs",
      R"({"name":"T","routing_spec":{"agents":[{"name":"a","model_id":"builtin/demo"},{"name":"b",)"
      R"("model_id":"builtin/demo"}],"tasks":[{"id":"first","agent":"a"},{"id":"second","agent":"b",)"
      R"("depends_on":["first"]}]}})");
  const auto more =
      fmt::format(R"("limits":{},"metadata":{{"multi_agent_id":"{}"}})", limits, text_at(spec, "/id"));
  co_return co_await agent_with(p, more);
}

TEST(Cost, IsInTheAnswerAndStaysWithTheRun) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.prices["builtin/demo"] = Usd::of_nanos(1'234'567);
    const auto agent = co_await agent_with(p, R"("limits":{"max_usd":1})");
    const auto response = co_await chat_with(p, agent);
    const auto answer = json::parse(response.body).value();
    EXPECT_EQ(number_at(answer, "/usage/cost_usd"), 0.001234567) << response.body;
    const auto run = co_await p.get("/api/v1/agents/runs/" + text_at(answer, "/run_id"));
    EXPECT_EQ(number_at(run, "/usage/cost_usd"), 0.001234567) << json::serialize(run);
  });
}

TEST(Cost, ThatIsNotKnownIsLeftOut) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await agent_with(p, R"("limits":{})");
    const auto response = co_await chat_with(p, agent);
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.body.find("cost_usd"), std::string::npos) << response.body;
  });
}

TEST(Cost, ARunWithALimitAndWithoutAPriceIsRefusedBeforeAnythingRuns) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await agent_with(p, R"("limits":{"max_usd":1})");
    const auto refused = co_await chat_with(p, agent);
    EXPECT_EQ(refused.status, 424) << refused.body;
    EXPECT_NE(refused.body.find("model_price_unknown"), std::string::npos) << refused.body;
    EXPECT_TRUE(p.model.requests.empty());
    const auto sessions = co_await p.get("/api/v1/agents/sessions");
    EXPECT_TRUE(sessions.at("sessions").as_array().empty());

    p.model.prices["builtin/demo"] = Usd::of_nanos(1);
    const auto later = co_await chat_with(p, agent);
    EXPECT_EQ(later.status, 200) << "the price came later: " << later.body;
  });
}

TEST(Cost, OfATeamIsThatOfItsMembersAndItsLimitIsCheckedBeforeEachTurn) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.prices["builtin/demo"] = Usd::of_nanos(500'000'000);
    const auto rich = co_await team_with(p, R"({"max_usd":10})");
    const auto whole = co_await chat_with(p, rich);
    EXPECT_EQ(number_at(json::parse(whole.body).value(), "/usage/cost_usd"), 1.0) << whole.body;
    EXPECT_EQ(p.model.requests.size(), 2U);

    const auto poor = co_await team_with(p, R"({"max_usd":0.5})");
    const auto stopped = co_await chat_with(p, poor);
    EXPECT_NE(stopped.status, 200);
    EXPECT_EQ(p.model.requests.size(), 3U) << "the second task did not run";
  });
}

TEST(Cost, ATeamWithALimitNeedsThePriceOfEveryMembersModel) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await team_with(p, R"({"max_usd":10})");
    const auto refused = co_await chat_with(p, agent);
    EXPECT_EQ(refused.status, 424) << refused.body;
    EXPECT_NE(refused.body.find("model_price_unknown"), std::string::npos) << refused.body;
    EXPECT_TRUE(p.model.requests.empty());
  });
}

}  // namespace
}  // namespace isa::agent
