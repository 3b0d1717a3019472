#include "agent/memory/memory_books.h"

#include "base/testing.h"

#include <gtest/gtest.h>

#include <fstream>

namespace isa::agent {
namespace {

using isa::testing::run;

struct MemoryBooksTest : ::testing::Test {
  isa::testing::TempFolder folder;
  MemoryBooks books{folder / "memory"};
  MemoryOwner ada{UserId("ada"), AgentId("agent_1"), SessionId("s1")};

  json::object call(const MemoryOwner& whose, std::string tool, json::object arguments) {
    const auto output = run(books.call(whose, std::move(tool), std::move(arguments), Deadline::never()));
    EXPECT_TRUE(output) << output.error().message();
    return json::parse(output->text).value().get_object();
  }
  void store(const MemoryOwner& whose, const char* content) {
    call(whose, "memory_store", {{"content", content}, {"key", "k"}});
  }
  std::int64_t count(const MemoryOwner& whose) {
    return call(whose, "memory_search", {}).at("memories").as_int64();
  }
};

TEST_F(MemoryBooksTest, EachUserOfAnAgentHasOneOverAllSessions) {
  store(ada, "hers");

  auto other = ada;
  other.session = SessionId("s2");
  EXPECT_EQ(count(other), 1);
  other.user = UserId("bob");
  EXPECT_EQ(count(other), 0);
  other = ada;
  other.agent = AgentId("agent_2");
  EXPECT_EQ(count(other), 0);
}

TEST_F(MemoryBooksTest, WithoutAnAgentASessionHasOne) {
  const MemoryOwner first{UserId("ada"), std::nullopt, SessionId("../../etc")};
  auto second = first;
  second.session = SessionId("s2");
  store(first, "one");

  EXPECT_EQ(count(first), 1);
  EXPECT_EQ(count(second), 0);
  ASSERT_TRUE(run(books.forget_session(first.session)));
  EXPECT_EQ(count(first), 0);
}

TEST_F(MemoryBooksTest, ForgetsOneUserOrAll) {
  auto bob = ada;
  bob.user = UserId("bob");
  store(ada, "hers");
  store(bob, "his");

  ASSERT_TRUE(run(books.forget(ada)));
  EXPECT_EQ(count(ada), 0);
  EXPECT_EQ(count(bob), 1);
  ASSERT_TRUE(run(books.forget_agent(*bob.agent)));
  EXPECT_EQ(count(bob), 0);
  ASSERT_TRUE(run(books.forget_agent(*bob.agent)));  // Nothing is there any more.
}

TEST_F(MemoryBooksTest, ABookThatCannotBeOpenedIsNoFaultOfTheCaller) {
  std::ofstream(folder / "memory") << "no folder";

  const auto output = run(books.call(ada, "memory_store", {{"content", "x"}}, Deadline::never()));

  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().kind(), ErrorKind::internal_error);
  EXPECT_EQ(output.error().message(), "the memory cannot be opened");
}

}  // namespace
}  // namespace isa::agent
