#include "agent/test_platform.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using net::Method;
using testing::Platform;
using testing::with_platform;

std::string error_at(const json::value& from, std::string_view field) {
  const auto* found = from.as_object().if_contains("error");
  return found ? std::string(found->at(field).as_string()) : json::serialize(from);
}

Task<std::string> memories_of_an_agent(Platform& p) {
  const auto made = co_await p.post("/api/v1/agents/configs", R"({"name":"a","env":"cloud_shared"})");
  co_return fmt::format("/api/v1/agents/configs/{}/memories", std::string_view(made.at("id").as_string()));
}

TEST(MemoryRoutes, AnEmptyKeyForgetsNothing) {
  with_platform([](Platform& p) -> Task<void> {
    const auto path = co_await memories_of_an_agent(p);

    for (const auto* query : {"?key=", "?key"}) {
      const auto answer = co_await p.ask({Method::del, path + query});
      EXPECT_EQ(error_at(answer, "code"), "validation_error") << query;
      EXPECT_EQ(error_at(answer, "param"), "key") << query;
    }
    EXPECT_EQ((co_await p.send({Method::del, path})).status, 200);
  });
}

TEST(MemoryRoutes, LimitHasOneRange) {
  with_platform([](Platform& p) -> Task<void> {
    const auto path = co_await memories_of_an_agent(p);

    for (const auto* limit : {"0", "51", "200", "-1", "x"}) {
      const auto answer = co_await p.get(path + "?limit=" + limit);
      EXPECT_EQ(error_at(answer, "message"), "the query parameter 'limit' must be a number from 1 to 50");
      EXPECT_EQ(error_at(answer, "param"), "limit");
    }
    EXPECT_EQ((co_await p.send({Method::get, path + "?limit=50"})).status, 200);
  });
}

}  // namespace
}  // namespace isa::agent
