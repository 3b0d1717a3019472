#include "agent/approvals/approval_routes.h"

#include "agent/test_platform.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using net::Method;
using testing::Platform;
using testing::with_platform;

constexpr const char* kAllowances = "/api/v1/agents/approvals/allowances";
constexpr const char* kAlways = R"({"decision":"approve","always":"request_authorization"})";

std::optional<sdk::Part> ask_first(const sdk::ChatRequest& request) {
  const bool has_asked = std::ranges::any_of(
      request.messages, [](const auto& message) { return message.role == sdk::ChatRole::tool; });
  if (has_asked) return std::nullopt;
  return sdk::Part::make_tool_call("call_1", "request_authorization", R"({"action":"Delete it"})");
}

// Of an agent that asks for permission at once: where its question is decided.
Task<std::string> begin_asking(Platform& p) {
  p.model.calls = ask_first;
  const auto agent = co_await p.post("/api/v1/agents/configs", R"({"name":"a","env":"cloud_shared",
      "mode":"COLLABORATIVE","tools":["request_authorization"]})");
  const std::string id(agent.at("id").as_string());
  const auto asks = co_await p.post(
      "/api/v1/agents/chat", fmt::format(R"({{"message":"go","stream":false,"agent_config_id":"{}"}})", id));
  co_return fmt::format("/api/v1/agents/runs/{}/approvals/{}", asks.at("run_id").as_string().c_str(),
                        asks.at("approvals").at(0).as_string().c_str());
}

TEST(ApprovalRoutes, NothingIsAllowedForGoodByADecisionThatDoesNotStand) {
  with_platform([](Platform& p) -> Task<void> {
    const auto question = co_await begin_asking(p);
    EXPECT_EQ((co_await p.send({Method::post, question, R"({"decision":"deny"})"})).status, 200);

    const auto late = co_await p.send({Method::post, question, kAlways});

    EXPECT_EQ(late.status, 409) << late.body;
    EXPECT_TRUE((co_await p.get(kAllowances)).at("allowances").as_array().empty());
  });
}

TEST(ApprovalRoutes, WhatIsApprovedForGoodIsKeptOnce) {
  with_platform([](Platform& p) -> Task<void> {
    const auto question = co_await begin_asking(p);
    for (int i = 0; i < 2; ++i) EXPECT_EQ((co_await p.send({Method::post, question, kAlways})).status, 200);
    EXPECT_EQ((co_await p.get(kAllowances)).at("allowances").as_array().size(), 1U);
  });
}

// Otherwise the decision would stand and what was asked for besides would not.
TEST(ApprovalRoutes, NothingIsDecidedWhenTheRuleHasNoRoom) {
  with_platform([](Platform& p) -> Task<void> {
    for (std::int64_t i = 0; i < store::ApprovalStore::kAllowancesMax; ++i) {
      store::Allowance rule{AllowanceId::make(), UserId("ann"), std::nullopt, fmt::format("tool_{}", i),
                            now()};
      EXPECT_TRUE(co_await p.store->approvals().allow(std::move(rule)));
    }
    const auto question = co_await begin_asking(p);
    EXPECT_EQ((co_await p.send({Method::post, question, kAlways})).status, 409);
    EXPECT_EQ((co_await p.send({Method::post, question, R"({"decision":"deny"})"})).status, 200);
  });
}

}  // namespace
}  // namespace isa::agent
