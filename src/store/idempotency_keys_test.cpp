#include "store/idempotency_keys.h"

#include "base/signal.h"
#include "net/router.h"
#include "store/contract.h"

namespace isa::store {
namespace {

using net::Method;
using net::Request;
using net::Response;

// Makes one thing for each execution, whose name says which seed it was made with.
class Maker {
 public:
  explicit Maker(asio::any_io_executor executor) : changed_(executor) {}

  Task<Result<Response>> make(Once once) {
    ++executions;
    changed_.notify();
    while (is_held) co_await changed_.wait();
    if (fails_with) co_return Failure(*fails_with);
    made = once.new_id<AgentId>().value();
    if (throws) throw std::runtime_error("a bug");
    auto response = Response::text(201, "text/plain", *made + " " + std::to_string(executions));
    response.headers.set("ETag", "\"1\"");
    co_return response;
  }
  Task<Result<Response>> find(Once once) {
    if (made != once.new_id<AgentId>().value()) co_return not_found("nothing was made");
    co_return Response::text(200, "text/plain", *made + " found");
  }
  Task<void> wait_for_execution() {
    while (executions == 0) co_await changed_.wait();
  }
  void release() {
    is_held = false;
    changed_.notify();
  }

  int executions = 0;
  bool is_held = false;
  bool throws = false;
  std::optional<Error> fails_with;
  std::optional<std::string> made;

 private:
  Signal changed_;
};

struct Scene {
  Scene(asio::any_io_executor executor, IdempotencyStore& keys_of_all)
      : store(keys_of_all), maker(executor), keys(executor, store) {
    const OnceHandler make = [this](Request&, Once once) { return maker.make(std::move(once)); };
    const OnceHandler find = [this](Request&, Once once) { return maker.find(std::move(once)); };
    router = net::Router(
        {{Method::post, "/things", keys.once(make)}, {Method::post, "/findable", keys.once(make, find)}});
  }
  struct Sent {
    std::string key = "k";
    std::string body = R"({"a":1,"b":[2,3]})";
    std::string path = "/things";
    std::string user = "ann";
    std::map<std::string, std::string> headers = {};
  };
  Task<Response> send(Sent sent) {
    Request request;
    request.method = Method::post;
    request.target = sent.path;
    request.body = sent.body;
    request.identity.user = UserId(sent.user);
    request.request_id = "req_1";
    if (sent.key != "-") request.headers.set("Idempotency-Key", sent.key);
    for (auto& [name, value] : sent.headers) request.headers.set(name, value);
    co_return co_await router.dispatch(request);
  }

  IdempotencyStore& store;
  Maker maker;
  IdempotencyKeys keys;
  net::Router router;
};

void with_scene(Task<void> (*body)(Scene&)) {
  contract::SqliteEngine engine;
  const auto whole = [](IdempotencyStore& store, Task<void> (*inner)(Scene&)) -> Task<void> {
    Scene scene(co_await asio::this_coro::executor, store);
    EXPECT_TRUE(co_await scene.keys.start());
    co_await inner(scene);
    co_await scene.keys.stop();
  };
  testing::run(whole(engine.idempotency(), body));
}

bool is_replay(const Response& response) {
  return response.headers.get("Idempotency-Replayed") == "true";
}

TEST(IdempotencyKeys, TheSameKeyAndBodyGetTheSameAnswer) {
  with_scene([](Scene& s) -> Task<void> {
    const auto first = co_await s.send({});
    const auto second = co_await s.send({});

    EXPECT_EQ(s.maker.executions, 1);
    EXPECT_FALSE(is_replay(first));
    EXPECT_TRUE(is_replay(second));
    EXPECT_EQ(second.status, 201);
    EXPECT_EQ(second.body, first.body);
    EXPECT_EQ(second.headers.get("ETag"), "\"1\"");
    EXPECT_EQ(second.headers.get("Content-Type"), "text/plain");
  });
}

TEST(IdempotencyKeys, SpacesAndTheOrderOfFieldsMakeNoOtherBody) {
  with_scene([](Scene& s) -> Task<void> {
    std::ignore = co_await s.send({});
    EXPECT_TRUE(is_replay(co_await s.send({.body = R"( { "b" : [2, 3], "a" : 1 } )"})));
    EXPECT_EQ(s.maker.executions, 1);
  });
}

TEST(IdempotencyKeys, AnotherRequestWithTheKeyIsRefusedNamingTheKey) {
  with_scene([](Scene& s) -> Task<void> {
    std::ignore = co_await s.send({});
    for (const auto& other : {Scene::Sent{.body = R"({"a":1,"b":[3,2]})"}, Scene::Sent{.body = "no json"},
                              Scene::Sent{.path = "/things?x=1"}, Scene::Sent{.path = "/findable"},
                              Scene::Sent{.headers = {{"If-Match", "3"}}}}) {
      const auto answer = co_await s.send(other);
      EXPECT_EQ(answer.status, 422) << other.body << other.path;
      EXPECT_NE(answer.body.find("'k'"), std::string::npos);
      EXPECT_NE(answer.body.find("idempotency_key_reused"), std::string::npos);
    }
    EXPECT_EQ(s.maker.executions, 1);
  });
}

TEST(IdempotencyKeys, TheKeyOfAnotherUserIsAnotherKey) {
  with_scene([](Scene& s) -> Task<void> {
    const auto first = co_await s.send({});
    const auto second = co_await s.send({.user = "bob"});
    EXPECT_FALSE(is_replay(second));
    EXPECT_NE(first.body, second.body);
    EXPECT_EQ(s.maker.executions, 2);
  });
}

TEST(IdempotencyKeys, WithoutAKeyNothingIsKeptAndEachMakesItsOwn) {
  with_scene([](Scene& s) -> Task<void> {
    const auto first = co_await s.send({.key = "-"});
    const auto second = co_await s.send({.key = "-"});
    EXPECT_EQ(s.maker.executions, 2);
    EXPECT_NE(first.body.substr(0, 32), second.body.substr(0, 32));
    EXPECT_FALSE(is_replay(second));
    EXPECT_EQ((co_await s.store.purge(from_millis(std::int64_t{1} << 60))).value_or(-1), 0);
  });
}

TEST(IdempotencyKeys, AKeyIsVisibleAsciiOfAtMost255Characters) {
  with_scene([](Scene& s) -> Task<void> {
    for (const auto& key :
         {std::string(), std::string("two words"), std::string("caf\xc3\xa9"), std::string(256, 'k')}) {
      const auto answer = co_await s.send({.key = key});
      EXPECT_EQ(answer.status, 422) << key;
      EXPECT_NE(answer.body.find("Idempotency-Key"), std::string::npos);
    }
    EXPECT_EQ(s.maker.executions, 0);
    EXPECT_EQ((co_await s.send({.key = std::string(255, '~')})).status, 201);
    EXPECT_EQ((co_await s.send({.key = "!"})).status, 201);
  });
}

TEST(IdempotencyKeys, ARefusalIsKeptAndAPassingTroubleIsNot) {
  with_scene([](Scene& s) -> Task<void> {
    s.maker.fails_with = validation_error("no");
    const auto refused = co_await s.send({});
    const auto again = co_await s.send({});
    EXPECT_EQ(again.status, 422);
    EXPECT_EQ(again.body, refused.body);
    EXPECT_TRUE(is_replay(again));
    EXPECT_EQ(s.maker.executions, 1);

    for (const auto kind : {ErrorKind::service_unavailable, ErrorKind::rate_limit_exceeded,
                            ErrorKind::internal_error, ErrorKind::timeout}) {
      s.maker.fails_with = Error(kind, "later");
      std::ignore = co_await s.send({.key = "other"});
    }
    EXPECT_EQ(s.maker.executions, 5);
    s.maker.fails_with.reset();
    const auto at_last = co_await s.send({.key = "other"});
    EXPECT_EQ(at_last.status, 201);
    EXPECT_FALSE(is_replay(at_last));
  });
}

TEST(IdempotencyKeys, OfTwoAtOnceOneIsExecutedAndTheOtherToldToWait) {
  with_scene([](Scene& s) -> Task<void> {
    s.maker.is_held = true;
    TaskGroup tasks(co_await asio::this_coro::executor);
    Response first;
    const auto send = [](Scene& scene, Response& to) -> Task<void> { to = co_await scene.send({}); };
    tasks.spawn("first", send(s, first));
    co_await s.maker.wait_for_execution();
    const auto second = co_await s.send({});
    EXPECT_EQ(second.status, 409);
    EXPECT_EQ(second.headers.get("Retry-After"), "1");
    s.maker.release();
    co_await tasks.join();

    const auto third = co_await s.send({});
    EXPECT_EQ(first.status, 201);
    EXPECT_EQ(third.body, first.body);
    EXPECT_EQ(s.maker.executions, 1);
  });
}

TEST(IdempotencyKeys, ARequestThatWasCancelledIsExecutedAgainByTheNext) {
  with_scene([](Scene& s) -> Task<void> {
    s.maker.is_held = true;
    TaskGroup tasks(co_await asio::this_coro::executor);
    const auto send = [](Scene& scene) -> Task<void> { std::ignore = co_await scene.send({}); };
    tasks.spawn("first", send(s));
    co_await s.maker.wait_for_execution();
    co_await tasks.stop();
    s.maker.release();
    Response answer;
    do {  // Until the key is known to be cut off.
      answer = co_await s.send({});
    } while (answer.status == 409);

    EXPECT_EQ(answer.status, 201);
    EXPECT_FALSE(is_replay(answer));
    EXPECT_EQ(s.maker.executions, 2);
  });
}

TEST(IdempotencyKeys, WhatACutOffRequestMadeIsFoundAndNotMadeAgain) {
  with_scene([](Scene& s) -> Task<void> {
    s.maker.throws = true;
    EXPECT_EQ((co_await s.send({.path = "/findable"})).status, 500);
    s.maker.throws = false;
    Response answer;
    do {
      answer = co_await s.send({.path = "/findable"});
    } while (answer.status == 409);

    EXPECT_EQ(s.maker.executions, 1);
    EXPECT_EQ(answer.body, *s.maker.made + " found");
    EXPECT_TRUE(is_replay(answer));
    EXPECT_EQ((co_await s.send({.path = "/findable"})).body, answer.body);
  });
}

TEST(IdempotencyKeys, ARequestOfAProcessThatDiedIsExecutedWithTheSeedThatItHad) {
  with_scene([](Scene& s) -> Task<void> {
    Request request;
    request.method = Method::post;
    request.path = "/findable";
    request.body = "{}";
    const UserKey key{UserId("ann"), "k"};
    EXPECT_TRUE(co_await s.store.claim(
        key, {.fingerprint = fingerprint_of(request), .seed = "seed", .since = now()}));
    EXPECT_EQ((co_await s.send({.body = "{}", .path = "/findable"})).status, 409);
    IdempotencyKeys next_process(co_await asio::this_coro::executor, s.store);
    EXPECT_TRUE(co_await next_process.start());
    co_await next_process.stop();

    const auto answer = co_await s.send({.body = "{}", .path = "/findable"});
    EXPECT_EQ(answer.body, "agent_seed 1");
    EXPECT_FALSE(is_replay(answer));
  });
}

}  // namespace
}  // namespace isa::store
