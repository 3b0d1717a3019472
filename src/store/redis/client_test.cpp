#include "store/redis/client.h"

#include "store/redis/pool_store.h"
#include "store/redis/scripts.h"
#include "store/redis/test_server.h"

#include <gtest/gtest.h>

namespace isa::store::redis {
namespace {

using testing::TestServer;

#define ISA_NEEDS_REDIS() \
  if (!TestServer::is_possible()) GTEST_SKIP() << "redis-server is not installed here"

Settings settings_for(const TestServer& server) {
  Settings settings;
  settings.url = server.url();
  settings.timeout = std::chrono::milliseconds(300);
  return settings;
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message() + " " + result.error().detail());
  return *std::move(result);
}

// Runs `use` with a client of the server and stops it again.
template <class Use>
void with_client(const Settings& settings, Use use) {
  isa::testing::run([](Settings with, Use& body) -> Task<void> {
    auto client = must(co_await Client::open(std::move(with), pool_scripts(), nullptr));
    std::exception_ptr failure;
    try {
      co_await body(*client);
    } catch (...) {
      failure = std::current_exception();
    }
    co_await client->stop();
    if (failure) std::rethrow_exception(failure);
  }(settings, use));
}

Task<Result<Reply>> say(Client& client, std::vector<std::string> words) {
  return client.call(std::move(words));
}

// Asks until the server is there again: the client reconnects by itself.
Task<void> until_back(Client& client) {
  const auto deadline = Deadline::after(std::chrono::seconds(20));
  while (!client.trouble().empty()) {
    if (deadline.passed()) throw std::runtime_error("the client does not come back: " + client.trouble());
    co_await sleep_for(std::chrono::milliseconds(5));  // Between two looks at it.
  }
}

Task<void> until_away(Client& client) {
  const auto deadline = Deadline::after(std::chrono::seconds(20));
  while (client.trouble().empty()) {
    if (deadline.passed()) throw std::runtime_error("the client does not notice");
    co_await sleep_for(std::chrono::milliseconds(5));  // Between two looks at it.
  }
}

Error refusal(const Settings& settings) {
  std::optional<Error> error;
  isa::testing::run([](Settings with, std::optional<Error>& to) -> Task<void> {
    auto opened = co_await Client::open(std::move(with), pool_scripts(), nullptr);
    if (opened) throw std::runtime_error("it was not refused");
    to = opened.error();
  }(settings, error));
  return *error;
}

TEST(RedisClient, AnswersManyCallsAtOnceInTheirOrder) {
  ISA_NEEDS_REDIS();
  const TestServer server;
  with_client(settings_for(server), [](Client& client) -> Task<void> {
    TaskGroup group(co_await asio::this_coro::executor);
    std::vector<std::string> answers(200);
    const auto one = [](Client& to, std::string word, std::string& answer) -> Task<void> {
      auto reply = co_await say(to, {"ECHO", std::move(word)});
      answer = must(std::move(reply)).text;
    };
    for (std::size_t i = 0; i < answers.size(); ++i)
      group.spawn("echo", one(client, std::string(i * 500, 'x') + std::to_string(i), answers[i]));
    co_await group.join();
    for (std::size_t i = 0; i < answers.size(); ++i)
      EXPECT_EQ(answers[i], std::string(i * 500, 'x') + std::to_string(i));
  });
}

TEST(RedisClient, FailsAtOnceWhileTheServerIsAwayAndComesBackByItself) {
  ISA_NEEDS_REDIS();
  TestServer server;
  with_client(settings_for(server), [&server](Client& client) -> Task<void> {
    return [](TestServer& redis, Client& to) -> Task<void> {
      must(co_await say(to, {"SET", "a", "1"}));
      redis.kill();
      co_await until_away(to);
      const auto start = Deadline::Clock::now();
      const auto refused = co_await say(to, {"GET", "a"});
      EXPECT_LT(Deadline::Clock::now() - start, std::chrono::milliseconds(50));
      EXPECT_EQ(refused.error().kind(), ErrorKind::service_unavailable);
      EXPECT_EQ(refused.error().code(), "store_unavailable");
      EXPECT_TRUE(refused.error().retry_after().has_value());
      redis.start();
      co_await until_back(to);
      EXPECT_EQ(must(co_await say(to, {"GET", "a"})).text, "1");
    }(server, client);
  });
}

TEST(RedisClient, CountsAServerThatDoesNotAnswerAsAway) {
  ISA_NEEDS_REDIS();
  TestServer server;
  with_client(settings_for(server), [&server](Client& client) -> Task<void> {
    return [](TestServer& redis, Client& to) -> Task<void> {
      redis.pause();
      const auto lost = co_await say(to, {"SET", "a", "1"});
      EXPECT_EQ(lost.error().code(), "store_unavailable");
      EXPECT_NE(lost.error().message().find("did not answer in 300 ms"), std::string::npos);
      const auto start = Deadline::Clock::now();
      EXPECT_FALSE((co_await say(to, {"GET", "a"})).has_value());
      EXPECT_LT(Deadline::Clock::now() - start, std::chrono::milliseconds(50));
      redis.go_on();
      co_await until_back(to);
      EXPECT_TRUE((co_await say(to, {"PING"})).has_value());
    }(server, client);
  });
}

TEST(RedisClient, SurvivesClientPauseOfTheServer) {
  ISA_NEEDS_REDIS();
  const TestServer server;
  with_client(settings_for(server), [](Client& client) -> Task<void> {
    must(co_await say(client, {"CLIENT", "PAUSE", "900", "ALL"}));
    EXPECT_EQ((co_await say(client, {"GET", "a"})).error().code(), "store_unavailable");
    co_await until_back(client);
    EXPECT_TRUE((co_await say(client, {"PING"})).has_value());
  });
}

TEST(RedisClient, StopsAtAnyStepOfItsWayBack) {
  ISA_NEEDS_REDIS();
  const TestServer server;
  for (int steps = 0; steps < 150; steps += 5) {
    isa::testing::run([](Settings settings, int pass) -> Task<void> {
      auto client = must(co_await Client::open(std::move(settings), pool_scripts(), nullptr));
      must(co_await say(*client, {"CLIENT", "KILL", "SKIPME", "no", "TYPE", "normal"}));  // Itself.
      const auto loop = co_await asio::this_coro::executor;
      for (int i = 0; i < pass; ++i) co_await asio::post(loop, use_task);
      co_await client->stop();
      EXPECT_EQ((co_await say(*client, {"PING"})).error().code(), "store_unavailable");
    }(settings_for(server), steps));
  }
}

TEST(RedisClient, BringsItsScriptsAgainWhenTheServerForgotThem) {
  ISA_NEEDS_REDIS();
  const TestServer server;
  with_client(settings_for(server), [](Client& client) -> Task<void> {
    must(co_await say(client, {"SCRIPT", "FLUSH"}));
    for (int i = 0; i < 2; ++i) {
      Command arguments{"agent", "small"};
      const auto counts = co_await client.run(static_cast<std::size_t>(Step::counts), std::move(arguments));
      EXPECT_EQ(must(counts).list.size(), 5U);
    }
  });
}

TEST(RedisClient, LogsInAndChoosesADatabase) {
  ISA_NEEDS_REDIS();
  const TestServer server({"--requirepass", "right"});
  auto settings = settings_for(server);
  settings.password = "wrong";
  const auto wrong = refusal(settings);
  EXPECT_EQ(wrong.kind(), ErrorKind::failed_dependency);
  EXPECT_NE(wrong.message().find("ISA_REDIS_PASSWORD"), std::string::npos);
  EXPECT_EQ(wrong.message().find("wrong "), std::string::npos) << "the password is in the message";
  settings.password.clear();
  EXPECT_EQ(refusal(settings).kind(), ErrorKind::failed_dependency);
  settings.password = "right";
  settings.url += "?db=3";
  with_client(settings, [](Client& client) -> Task<void> {
    must(co_await say(client, {"SET", "here", "1"}));
    must(co_await say(client, {"SELECT", "0"}));
    EXPECT_EQ(must(co_await say(client, {"GET", "here"})).kind, Reply::Kind::nothing);
  });
}

TEST(RedisClient, SaysWhatIsWrongWhenItCannotStart) {
  Settings settings;
  settings.url = "unix:/nowhere/redis.sock";
  const auto error = refusal(settings);
  EXPECT_EQ(error.kind(), ErrorKind::failed_dependency);
  EXPECT_NE(error.message().find("redis.url"), std::string::npos);
  for (const auto* bad : {"redis://user:secret@host", "http://host", "redis://host/zero", "unix:relative"}) {
    settings.url = bad;
    EXPECT_EQ(refusal(settings).kind(), ErrorKind::validation_error) << bad;
  }
}

TEST(RedisSettings, AreReadFromAUrl) {
  Settings settings;
  settings.url = "rediss://cache.example:6390/4";
  EXPECT_EQ(target_of(settings)->endpoint.to_string(), "cache.example:6390");
  EXPECT_TRUE(target_of(settings)->endpoint.tls);
  EXPECT_EQ(target_of(settings)->database, 4);
  settings.url = "redis://[::1]";
  EXPECT_EQ(target_of(settings)->endpoint.port, 6379);
}

TEST(RedisPoolStore, FencingTokensGrowAlsoWhenTheServerHasLostItsData) {
  ISA_NEEDS_REDIS();
  TestServer server;
  std::int64_t last = 0;
  for (int life = 0; life < 2; ++life) {
    isa::testing::run([](Settings settings, std::int64_t& token) -> Task<void> {
      auto store = must(co_await RedisPoolStore::open(std::move(settings), nullptr));
      PoolInstance row;
      row.id = InstanceId("inst");
      row.pool = "agent";
      EXPECT_TRUE(must(co_await store->reserve(row, {.total = 1, .unleased = 1})));
      must(co_await store->make_ready(row.id, SandboxId("vm"), "", {}));
      ClaimRequest request;
      request.pool = "agent";
      request.lease.session_id = SessionId("s");
      const auto claimed = must(co_await store->claim(request));
      EXPECT_GT(claimed->instance.lease->fencing_token, token);
      token = claimed->instance.lease->fencing_token;
      co_await store->stop();
    }(settings_for(server), last));
    server.kill_and_lose_data();
    server.start();
  }
}

}  // namespace
}  // namespace isa::store::redis
