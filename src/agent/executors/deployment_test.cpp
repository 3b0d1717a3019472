// Agents of env deployment, before there is a deployment for them.
#include "agent/test_platform.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using testing::Platform;

// Answers as the pool of custom agents does.
class UndeployedPool final : public testing::NoPool {
 public:
  Task<Result<pool::Acquired>> acquire(std::string, pool::AcquireRequest) override {
    co_return validation_error("name the deployment whose sandbox is asked for").with_param("/deployment_id");
  }
};

Task<void> chat_without_deployment(const std::filesystem::path& folder) {
  UndeployedPool pool;
  Platform p(co_await asio::this_coro::executor, folder, {}, &pool);
  EXPECT_TRUE(co_await p.service->start());
  const auto agent = co_await p.post("/api/v1/agents/configs", R"({"name":"a","env":"deployment"})");
  const auto answer =
      co_await p.send({net::Method::post, "/api/v1/agents/chat",
                       fmt::format(R"({{"message":"hi","stream":false,"agent_config_id":"{}"}})",
                                   std::string_view(agent.at("id").as_string()))});
  EXPECT_EQ(answer.status, 424) << answer.body;
  EXPECT_NE(answer.body.find("deployment_not_found"), std::string::npos) << answer.body;
  EXPECT_NE(answer.body.find("metadata.deployment_id"), std::string::npos) << answer.body;
  EXPECT_EQ(answer.body.find(R"("/deployment_id")"), std::string::npos) << answer.body;
  co_await p.service->stop();
}

TEST(Deployment, AnAgentWithoutOneIsToldSoInItsOwnWords) {
  const testing::TempFolder folder;
  isa::testing::run(chat_without_deployment(folder.path()));
}

}  // namespace
}  // namespace isa::agent
