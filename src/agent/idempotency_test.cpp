// Idempotency-Key on the routes of the agent service, also across a restart.
#include "agent/test_platform.h"
#include "store/idempotency_keys.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using net::Method;
using testing::Call;
using testing::Platform;
using testing::Reader;
using testing::TempFolder;
using testing::with_platform;

constexpr const char* kChat = "/api/v1/agents/chat";
constexpr const char* kConfigs = "/api/v1/agents/configs";

Call keyed(std::string path, std::string body, std::string key = "k") {
  Call call{Method::post, std::move(path), std::move(body)};
  call.headers["Idempotency-Key"] = std::move(key);
  return call;
}

bool is_replay(const net::Response& response) {
  return response.headers.get("Idempotency-Replayed") == "true";
}

Task<std::size_t> count(Platform& p, std::string path, std::string list) {
  const auto page = co_await p.get(std::move(path));
  co_return page.at(list).as_array().size();
}

// The state in which kill -9 leaves a request that was just claimed, or had just made its object.
Task<void> claim_for_a_dead_process(Platform& p, Call call, std::string seed) {
  net::Request request;
  request.method = call.method;
  request.path = call.path;
  request.body = call.body;
  const store::UserKey key{UserId(call.user), call.headers.at("Idempotency-Key")};
  store::KnownKey claimed{.fingerprint = store::fingerprint_of(request),
                          .seed = std::move(seed),
                          .since = now() - std::chrono::seconds(1)};
  EXPECT_TRUE(co_await p.store->idempotency().claim(key, std::move(claimed)));
  EXPECT_EQ((co_await p.store->idempotency().cut_off_all()).value_or(0), 1);
}

TEST(Idempotency, EveryRouteThatCreatesOrStartsSomethingHonoursTheKey) {
  with_platform([](Platform& p) -> Task<void> {
    for (const auto& route : p.router.routes()) {
      if (route.method != Method::post || route.pattern.ends_with("/cancel") ||
          route.pattern.ends_with("/{request_id}") || route.pattern.ends_with("/steer"))
        continue;  // Those end something, are done once anyway, or are words to what is under way.
      // Calls of webhooks are no requests of a person; a signature is taken once.
      if (route.pattern.contains("/hooks/")) continue;
      auto path = route.pattern;
      if (const auto id = path.find("{id}"); id != path.npos) path.replace(id, 4, "x");
      const auto refused = co_await p.send(keyed(path, "", "no key"));
      EXPECT_EQ(refused.status, 422) << path;
      EXPECT_NE(refused.body.find("Idempotency-Key"), std::string::npos) << path;
    }
  });
}

TEST(Idempotency, AnObjectIsMadeOnce) {
  with_platform([](Platform& p) -> Task<void> {
    const std::vector<std::tuple<std::string, std::string, std::string, std::string>> cases{
        {kConfigs, R"({"name":"a"})", kConfigs, "agents"},
        {"/api/v1/agents/sessions", R"({"title":"t"})", "/api/v1/agents/sessions", "sessions"},
        {"/api/v1/agents/templates", R"({"name":"mine"})", "/api/v1/agents/templates", "templates"},
        {"/api/v1/agents/skills", R"({"files":{"SKILL.md":"---\nname: mine\ndescription: d\n---\n"}})",
         "/api/v1/agents/skills", "skills"}};
    for (const auto& [path, body, list, name] : cases) {
      const auto before = co_await count(p, list, name);
      const auto first = co_await p.send(keyed(path, body, path));
      const auto second = co_await p.send(keyed(path, body, path));
      EXPECT_EQ(first.status, 200) << first.body;
      EXPECT_EQ(second.body, first.body);
      EXPECT_EQ(second.headers.get("ETag"), first.headers.get("ETag"));
      EXPECT_TRUE(is_replay(second));
      EXPECT_EQ(co_await count(p, list, name), before + 1) << path;
    }
  });
}

Task<std::string> proactive_agent(Platform& p) {
  const auto agent = co_await p.post(kConfigs, R"({"name":"a","env":"cloud_shared","mode":"PROACTIVE"})");
  co_return std::string(agent.at("id").as_string());
}

// Every file of the database, to look for what must not be there.
std::string database_of(const std::filesystem::path& folder) {
  std::string bytes;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.path().filename().string().starts_with("isa.db")) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    bytes.append(std::istreambuf_iterator<char>(file), {});
  }
  return bytes;
}

TEST(Idempotency, AWebhookIsMadeOnceAndItsSecretIsShownAgainAndKeptNowhere) {
  const TempFolder folder;
  const auto body = [](const std::filesystem::path& at) -> Task<void> {
    Platform p(co_await asio::this_coro::executor, at);
    EXPECT_TRUE(co_await p.service->start());
    const auto agent = co_await proactive_agent(p);
    const auto create =
        keyed("/api/v1/agents/triggers",
              fmt::format(R"({{"name":"t","agent_config_id":"{}","type":"webhook","prompt":"x"}})", agent));
    const auto first = co_await p.send(create);
    const auto second = co_await p.send(create);
    EXPECT_EQ(first.status, 200) << first.body;
    EXPECT_EQ(second.body, first.body);
    EXPECT_TRUE(is_replay(second));
    EXPECT_EQ(co_await count(p, "/api/v1/agents/triggers", "triggers"), 1u);
    const auto made = json::parse(first.body).value();
    EXPECT_EQ(database_of(at).find(std::string(made.at("secret").as_string())), std::string::npos);
    EXPECT_NE(database_of(at).find(std::string(made.at("id").as_string())), std::string::npos);
    // To nobody else: the key of another user is another key.
    auto foreign = create;
    foreign.user = "bob";
    EXPECT_EQ((co_await p.send(foreign)).status, 404);

    const auto gone = "/api/v1/agents/triggers/" + std::string(made.at("id").as_string());
    EXPECT_EQ((co_await p.send({Method::del, gone})).status, 200);
    EXPECT_EQ((co_await p.send(create)).status, 404);
    co_await p.service->stop();
  };
  isa::testing::run(body(folder.path()));
}

TEST(Idempotency, ATriggerThatACrashCutOffIsMadeByTheNextRequestOrFound) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await proactive_agent(p);
    const auto body =
        fmt::format(R"({{"name":"t","agent_config_id":"{}","type":"webhook","prompt":"x"}})", agent);
    const auto create = keyed("/api/v1/agents/triggers", body);
    co_await claim_for_a_dead_process(p, create, "0123");
    const auto made = co_await p.send(create);
    EXPECT_EQ(json::parse(made.body).value().at("id").as_string(), "trig_0123");
    const auto again = keyed("/api/v1/agents/triggers", body, "other");
    co_await claim_for_a_dead_process(p, again, "0123");
    EXPECT_EQ((co_await p.send(again)).body, made.body);
  });
}

TEST(Idempotency, AnEventIsSeenOnceByEveryTrigger) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await proactive_agent(p);
    for (const auto* rule : {R"({"event":"e"})", R"({"event":"e","count":3,"within_minutes":5})"})
      std::ignore = co_await p.post(
          "/api/v1/agents/triggers",
          fmt::format(R"({{"name":"t","agent_config_id":"{}","type":"pattern","prompt":"x","rule":{}}})",
                      agent, rule));
    const std::string event = R"({"type":"e","data":{}})";
    const auto first = co_await p.send(keyed("/api/v1/agents/events", event));
    EXPECT_EQ((co_await p.send(keyed("/api/v1/agents/events", event))).body, first.body);
    EXPECT_NE(first.body.find("1 of 3"), std::string::npos) << first.body;

    // A crash after it was seen, and before that was answered.
    const std::string seed = "01jd3k9q8x7m6n5p4r3s2t1v0w";
    const auto cut_off = keyed("/api/v1/agents/events", R"({"type":"e","data":{"n":2}})", "cut-off");
    co_await claim_for_a_dead_process(p, cut_off, seed);
    const auto seen = json::parse((co_await p.send(cut_off)).body).value();
    auto other = keyed("/api/v1/agents/events", R"({"type":"e","data":{"n":2}})", "the-same");
    co_await claim_for_a_dead_process(p, other, seed);
    const auto again = json::parse((co_await p.send(other)).body).value();
    EXPECT_EQ(again.at("triggers").as_array().size(), 2u);
    EXPECT_NE(json::serialize(seen).find("2 of 3"), std::string::npos);
    EXPECT_NE(json::serialize(again).find("it has seen this event already"), std::string::npos);
  });
}

TEST(Idempotency, ARollbackIsMadeOnce) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await p.post(kConfigs, R"({"name":"one"})");
    const auto path = fmt::format("{}/{}", kConfigs, std::string_view(agent.at("id").as_string()));
    std::ignore = co_await p.ask({Method::patch, path, R"({"name":"two"})"});
    const auto rollback = keyed(path + "/rollback", R"({"version":1})");
    const auto first = co_await p.send(rollback);
    const auto second = co_await p.send(rollback);

    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(second.body, first.body);
    EXPECT_EQ((co_await p.get(path)).at("version").as_int64(), 3);
  });
}

TEST(Idempotency, ARollbackThatACrashCutOffAfterItWasDoneIsNotDoneAgain) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await p.post(kConfigs, R"({"name":"one"})");
    const auto path = fmt::format("{}/{}", kConfigs, std::string_view(agent.at("id").as_string()));
    std::ignore = co_await p.ask({Method::patch, path, R"({"name":"two"})"});
    const auto rollback = keyed(path + "/rollback", R"({"version":1})");
    co_await claim_for_a_dead_process(p, rollback, "seed");
    std::ignore = co_await p.post(path + "/rollback", R"({"version":1})");

    EXPECT_TRUE(is_replay(co_await p.send(rollback)));
    EXPECT_EQ((co_await p.get(path)).at("version").as_int64(), 3);
  });
}

TEST(Idempotency, AnAgentThatACrashCutOffIsMadeByTheNextRequestOrFound) {
  with_platform([](Platform& p) -> Task<void> {
    const auto create = keyed(kConfigs, R"({"name":"a"})");
    co_await claim_for_a_dead_process(p, create, "0123");
    const auto made = co_await p.send(create);
    EXPECT_EQ(json::parse(made.body).value().at("id").as_string(), "agent_0123");
    EXPECT_FALSE(is_replay(made));

    const auto again = keyed(kConfigs, R"({"name":"a"})", "other");
    co_await claim_for_a_dead_process(p, again, "0123");
    const auto found = co_await p.send(again);
    EXPECT_EQ(found.body, made.body);
    EXPECT_TRUE(is_replay(found));
    EXPECT_EQ(co_await count(p, kConfigs, "agents"), 1u);
  });
}

TEST(Idempotency, ASessionOfThatNameThatWasThereBeforeIsNoAnswer) {
  with_platform([](Platform& p) -> Task<void> {
    const auto create = keyed("/api/v1/agents/sessions", R"({"session_id":"s"})");
    std::ignore = co_await p.post("/api/v1/agents/sessions", R"({"session_id":"s"})");
    net::Request request;
    request.method = Method::post;
    request.path = create.path;
    request.body = create.body;
    const store::UserKey key{UserId("ann"), "k"};
    store::KnownKey claimed{
        .fingerprint = store::fingerprint_of(request), .seed = "x", .since = now() + std::chrono::seconds(1)};
    EXPECT_TRUE(co_await p.store->idempotency().claim(key, std::move(claimed)));
    EXPECT_TRUE(co_await p.store->idempotency().cut_off(key));
    EXPECT_EQ((co_await p.send(create)).status, 409);
  });
}

TEST(Idempotency, AStreamedChatIsTheSameRunFromItsFirstEvent) {
  with_platform([](Platform& p) -> Task<void> {
    const auto call = keyed(kChat, R"({"message":"hi"})");
    auto first = co_await p.send(call);
    const auto run = std::string(first.headers.get("X-Run-Id"));
    const auto session = std::string(first.headers.get("X-Session-Id"));
    const auto stream = co_await p.read(std::move(first));
    auto second = co_await p.send(call);

    EXPECT_TRUE(is_replay(second));
    EXPECT_EQ(second.headers.get("X-Run-Id"), run);
    EXPECT_EQ(second.headers.get("X-Session-Id"), session);
    EXPECT_EQ(co_await p.read(std::move(second)), stream);
    EXPECT_EQ(p.model.requests.size(), 1u);
    EXPECT_EQ(co_await count(p, "/api/v1/agents/sessions/" + session + "/runs", "runs"), 1u);
  });
}

TEST(Idempotency, AChatThatIsUnderWayIsFollowedFromItsFirstEvent) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.pause_after = 1;
    TaskGroup tasks(co_await asio::this_coro::executor);
    Reader one(tasks.executor()), two(tasks.executor());
    const auto first = co_await p.send(keyed(kChat, R"({"message":"hi"})"));
    tasks.spawn("one", first.stream(one));
    co_await one.wait_for_events(3);
    const auto second = co_await p.send(keyed(kChat, R"({"message":"hi"})"));
    tasks.spawn("two", second.stream(two));
    co_await two.wait_for_events(3);
    p.model.resume();
    co_await tasks.join();

    EXPECT_EQ(two.text, one.text);
    EXPECT_TRUE(one.text.ends_with("[DONE]\n\n"));
    EXPECT_EQ(p.model.requests.size(), 1u);
  });
}

Task<void> ask_into(Platform& p, Call call, net::Response& to) {
  to = co_await p.send(std::move(call));
}

TEST(Idempotency, OfTwoEqualChatsAtOnceBothGetTheAnswerOfOneRun) {
  with_platform([](Platform& p) -> Task<void> {
    for (const auto& [path, body] : {std::pair(kChat, R"({"message":"hi","stream":false})"),
                                     std::pair("/query", R"({"prompt":"hi"})")}) {
      p.model.requests.clear();
      p.model.pause_after = 1;
      TaskGroup tasks(co_await asio::this_coro::executor);
      net::Response first, second;
      tasks.spawn("first", ask_into(p, keyed(path, body, path), first));
      co_await p.model.wait_for_requests(1);
      tasks.spawn("second", ask_into(p, keyed(path, body, path), second));
      p.model.resume();
      co_await tasks.join();

      EXPECT_EQ(first.status, 200);
      EXPECT_EQ(second.body, first.body);
      EXPECT_EQ(p.model.requests.size(), 1u) << path;
      EXPECT_EQ((co_await p.send(keyed(path, body, path))).body, first.body);
    }
  });
}

TEST(Idempotency, AChatWhoseCallerLeftIsAnsweredByTheRunThatWentOn) {
  with_platform([](Platform& p) -> Task<void> {
    const auto call = keyed(kChat, R"({"message":"hi","stream":false})");
    p.model.pause_after = 1;
    TaskGroup tasks(co_await asio::this_coro::executor);
    net::Response lost;
    tasks.spawn("leaves", ask_into(p, call, lost));
    co_await p.model.wait_for_requests(1);
    co_await tasks.stop();
    p.model.resume();
    const auto answer = co_await p.ask(call);

    EXPECT_EQ(answer.at("response").as_string(), "Hello, world");
    EXPECT_EQ(p.model.requests.size(), 1u);
  });
}

TEST(Idempotency, AChatThatFailedForAPassingReasonIsTriedAgain) {
  with_platform([](Platform& p) -> Task<void> {
    const auto call = keyed(kChat, R"({"message":"hi","stream":false})");
    p.model.fails_with = upstream_error("the provider broke off");
    EXPECT_EQ((co_await p.send(call)).status, 502);
    p.model.fails_with.reset();
    const auto answer = co_await p.send(call);

    EXPECT_EQ(answer.status, 200);
    EXPECT_FALSE(is_replay(answer));
    EXPECT_EQ(p.model.requests.size(), 2u);
  });
}

TEST(Idempotency, ARunThatIsInTheStoreAloneAnswersAsItDidLive) {
  const TempFolder folder;
  const auto whole = [](const std::filesystem::path& at) -> Task<void> {
    const auto executor = co_await asio::this_coro::executor;
    std::string answer, stream, run;
    {
      Platform before(executor, at);
      EXPECT_TRUE(co_await before.service->start());
      answer = (co_await before.send(keyed(kChat, R"({"message":"hi","stream":false})", "whole"))).body;
      auto streamed = co_await before.send(keyed(kChat, R"({"message":"hi"})", "stream"));
      run = std::string(streamed.headers.get("X-Run-Id"));
      stream = co_await before.read(std::move(streamed));
      co_await before.service->stop();
    }
    Platform after(executor, at);
    EXPECT_TRUE(co_await after.service->start());
    EXPECT_EQ((co_await after.send(keyed(kChat, R"({"message":"hi","stream":false})", "whole"))).body,
              answer);
    auto again = co_await after.send(keyed(kChat, R"({"message":"hi"})", "stream"));
    EXPECT_EQ(again.headers.get("X-Run-Id"), run);
    EXPECT_EQ(co_await after.read(std::move(again)), stream);
    EXPECT_TRUE(after.model.requests.empty());
    co_await after.service->stop();
  };
  isa::testing::run(whole(folder.path()));
}

TEST(Idempotency, TheAnswerOfARunThatACrashCutOffFromItsCallerIsReadFromItsEvents) {
  with_platform([](Platform& p) -> Task<void> {
    const auto call = keyed(kChat, R"({"message":"hi","stream":false})");
    const auto first = co_await p.ask(call);
    const auto seed = std::string(first.at("run_id").as_string()).substr(RunIdTag::prefix.size());
    const auto again = keyed(kChat, R"({"message":"hi","stream":false})", "other");
    co_await claim_for_a_dead_process(p, again, seed);

    EXPECT_EQ(co_await p.ask(again), first);
    EXPECT_EQ(p.model.requests.size(), 1u);
  });
}

}  // namespace
}  // namespace isa::agent
