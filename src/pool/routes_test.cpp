#include "pool/routes.h"

#include "pool/http_client.h"
#include "pool/testing.h"

namespace isa::pool::testing {
namespace {

// The caller says who it is by a header; "internal" is another role of the platform.
Task<Result<Identity>> test_guard(const net::Request& request) {
  const std::string user(request.headers.get("X-User-Id"));
  if (user.empty()) co_return unauthorized("who are you?");
  Identity identity;
  identity.user = UserId(user);
  identity.is_internal = user == "internal";
  co_return identity;
}

struct Wire {
  explicit Wire(World& world)
      : server(world.executor, make_router(*world.service), options()),
        base{net::Endpoint::unix_socket(world.folder / "pool.sock"), ""} {
    if (const auto bound = server.listen(base.endpoint); !bound)
      throw std::runtime_error(bound.error().message());
    net::Headers credentials;
    credentials.set("X-User-Id", "internal");
    pool = std::make_unique<HttpPoolClient>(http, base, credentials);
  }
  static net::ServerOptions options() {
    net::ServerOptions made;
    made.name = "pool";
    made.limits.drain_timeout = std::chrono::milliseconds(0);
    made.guard = test_guard;
    return made;
  }
  Task<net::ClientResponse> call(std::string user, net::Method method, std::string path,
                                 std::string body = "") {
    net::ClientRequest request;
    request.method = method;
    request.target = "/api/v1/pools/" + path;
    if (!user.empty()) request.headers.set("X-User-Id", user);
    request.headers.set("Content-Type", "application/json");
    request.body = std::move(body);
    auto answer = co_await http.send(base.endpoint, std::move(request), soon());
    co_return must(std::move(answer));
  }

  net::Server server;
  net::Url base;
  net::Client http;
  std::unique_ptr<HttpPoolClient> pool;
};

template <class Use>
void over_http(const Settings& settings, Use use) {
  with_pool(settings, [&use](World& world) -> Task<void> {
    return [](World& served, Use& body) -> Task<void> {
      Wire wire(served);
      std::exception_ptr failure;
      try {
        co_await body(served, wire);
      } catch (...) {
        failure = std::current_exception();
      }
      co_await wire.server.stop();
      if (failure) std::rethrow_exception(failure);
    }(world, use);
  });
}

// What every PoolClient promises; run against the service itself and against its HTTP client.
Task<void> use_a_pool(World& world, PoolClient& pool) {
  const auto lease = must(co_await pool.acquire("agent", request_of("s1")));
  EXPECT_TRUE(lease.warm);
  EXPECT_TRUE(lease.connection_info.unix_.has_value());
  const auto again = must(co_await pool.acquire("agent", request_of("s1")));
  EXPECT_TRUE(again.resumed);
  EXPECT_EQ(json::write(again.lease), json::write(lease.lease));

  sdk::RuntimeChat chat;
  chat.message = "hello";
  chat.history.emplace().emplace_back(sdk::to_json(sdk::Message::make(sdk::ChatRole::user, "before")));
  auto opened = must(co_await pool.stream("agent", lease.instance_id, lease.lease.fencing_token, chat));
  EXPECT_EQ(opened.headers.get("Content-Type").substr(0, 17), "text/event-stream");
  const auto text = must(co_await net::read_all(*opened.body, 1 << 20));
  EXPECT_NE(text.find("hello after 1"), std::string::npos);
  EXPECT_NE(text.find("event: history"), std::string::npos);

  chat.message = "crash";
  opened = must(co_await pool.stream("agent", lease.instance_id, lease.lease.fencing_token, chat));
  const auto broken = co_await net::read_all(*opened.body, 1 << 20);
  EXPECT_EQ(kind_of(broken.error()), "upstream_error");

  const auto use =
      must(co_await pool.settle("agent", lease.instance_id, lease.lease.fencing_token, RunId("run_1")));
  EXPECT_EQ(use.problem, "settled for run_1");
  const auto not_ours = co_await pool.settle("agent", lease.instance_id, 0, RunId("run_1"));
  EXPECT_EQ(kind_of(not_ours.error()), "conflict");

  const auto renewed = must(co_await pool.renew("agent", lease.instance_id, lease.lease.fencing_token));
  EXPECT_GE(renewed.expires_at, lease.lease.expires_at);
  const auto stale = co_await pool.stream("agent", lease.instance_id, 0, chat);
  EXPECT_EQ(kind_of(stale.error()), "conflict");

  auto impatient = request_of("s2");
  impatient.timeout = 0;
  must(co_await pool.acquire("agent", request_of("s3")));
  const auto full = co_await pool.acquire("agent", impatient);
  EXPECT_EQ(full.error().code(), "pool_exhausted");
  EXPECT_EQ(full.error().retry_after(), std::chrono::seconds(5));

  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE((co_await pool.release("agent", lease.instance_id, lease.lease.fencing_token)).has_value());
  const auto gone = co_await pool.stream("agent", lease.instance_id, lease.lease.fencing_token, chat);
  EXPECT_EQ(kind_of(gone.error()), "not_found");

  const auto stats = must(co_await pool.stats("agent"));
  EXPECT_EQ(stats.acquired_total, 2);
  EXPECT_EQ(stats.max_instances, 2);
  EXPECT_GT(stats.acquire_ms.p99, 0);
  const auto unknown = co_await pool.stats("desktop");
  EXPECT_EQ(kind_of(unknown.error()), "not_found");
  const auto later = co_await pool.acquire("custom_agent", request_of("s1"));
  EXPECT_EQ(later.error().param(), "/deployment_id");
  static_cast<void>(world);
}

TEST(PoolClient, IsKeptByTheServiceItself) {
  with_pool(small_pool(1, 2), [](World& world) -> Task<void> { return use_a_pool(world, *world.service); });
}

TEST(PoolClient, IsKeptOverHttp) {
  over_http(small_pool(1, 2),
            [](World& world, Wire& wire) -> Task<void> { return use_a_pool(world, *wire.pool); });
}

TEST(Routes, ShowStatsToEverybodyAndNothingElse) {
  over_http(small_pool(1, 2), [](World&, Wire& wire) -> Task<void> {
    const auto stats = co_await wire.call("", net::Method::get, "agent/stats");
    EXPECT_EQ(stats.status, 200);
    EXPECT_EQ(must(json::parse(stats.body)).at("warm_instances").as_int64(), 1);
    EXPECT_EQ((co_await wire.call("", net::Method::get, "agent/instances")).status, 401);
    EXPECT_EQ((co_await wire.call("", net::Method::post, "agent/acquire", R"({"session_id":"s"})")).status,
              401);
  });
}

TEST(Routes, KeepUsersToTheInstancesOfTheirOwnLeases) {
  over_http(small_pool(1, 3), [](World& world, Wire& wire) -> Task<void> {
    const auto got = co_await wire.call("alice", net::Method::post, "agent/acquire",
                                        R"({"session_id":"s1","user_id":"alice","pool_type":"agent"})");
    EXPECT_EQ(got.status, 200) << got.body;
    const auto id = std::string(must(json::parse(got.body)).at("instance_id").as_string());
    co_await world.service->wait_until_filled(soon());

    EXPECT_EQ((co_await wire.call("alice", net::Method::get, "agent/" + id)).status, 200);
    for (const auto* path : {"", "/renew", "/release", "/execute", "/stream"}) {
      const std::string body = std::string(path) == "/execute" ? R"({"action":"reset"})" : "{}";
      const auto method = *path ? net::Method::post : net::Method::get;
      const auto refused = co_await wire.call("mallory", method, "agent/" + id + path, *path ? body : "");
      EXPECT_EQ(refused.status, 404) << path << refused.body;
    }
    EXPECT_EQ((co_await wire.call("mallory", net::Method::del, "agent/" + id)).status, 404);
    const auto forged = co_await wire.call("mallory", net::Method::post, "agent/acquire",
                                           R"({"session_id":"s9","user_id":"alice"})");
    EXPECT_EQ(forged.status, 403);

    const auto count = [](const net::ClientResponse& list) {
      return must(json::parse(list.body)).at("instances").as_array().size();
    };
    EXPECT_EQ(count(co_await wire.call("alice", net::Method::get, "agent/instances")), 1U);
    EXPECT_EQ(count(co_await wire.call("mallory", net::Method::get, "agent/instances")), 0U);
    EXPECT_EQ(count(co_await wire.call("internal", net::Method::get, "agent/instances")), 2U);
    EXPECT_EQ((co_await wire.call("alice", net::Method::del, "agent/" + id)).status, 200);
    EXPECT_EQ((co_await wire.call("alice", net::Method::del, "agent/" + id)).status, 200);
  });
}

TEST(Routes, ExecuteRemembersTheConversationUntilItIsReset) {
  over_http(small_pool(1, 2), [](World&, Wire& wire) -> Task<void> {
    const auto got =
        co_await wire.call("alice", net::Method::post, "agent/acquire", R"({"session_id":"s1"})");
    const auto path = "agent/" + std::string(must(json::parse(got.body)).at("instance_id").as_string());
    const std::string query = R"({"action":"query","params":{"prompt":"hi","context":{"anything":1}}})";
    const auto first = co_await wire.call("alice", net::Method::post, path + "/execute", query);
    EXPECT_EQ(first.body, R"({"success":true,"result":{"response":"hi after 0"}})");
    const auto streamed =
        co_await wire.call("alice", net::Method::post, path + "/stream", R"({"prompt":"more"})");
    EXPECT_NE(streamed.body.find("more after 2"), std::string::npos);
    const auto second = co_await wire.call("alice", net::Method::post, path + "/execute", query);
    EXPECT_NE(second.body.find("hi after 4"), std::string::npos);
    co_await wire.call("alice", net::Method::post, path + "/execute", R"({"action":"reset","params":{}})");
    const auto third = co_await wire.call("alice", net::Method::post, path + "/execute", query);
    EXPECT_NE(third.body.find("hi after 0"), std::string::npos);
    const auto failed = co_await wire.call("alice", net::Method::post, path + "/execute",
                                           R"({"action":"query","params":{"prompt":"fail"}})");
    EXPECT_EQ(failed.status, 502);
    EXPECT_NE(failed.body.find("as the test asked"), std::string::npos);
  });
}

TEST(Routes, NameTheFieldThatIsWrong) {
  over_http(small_pool(0, 2), [](World&, Wire& wire) -> Task<void> {
    const auto unknown =
        co_await wire.call("alice", net::Method::post, "agent/acquire", R"({"session_id":"s","colour":1})");
    EXPECT_EQ(unknown.status, 422);
    EXPECT_NE(unknown.body.find("/colour"), std::string::npos);
    const auto other = co_await wire.call("alice", net::Method::post, "agent/acquire",
                                          R"({"session_id":"s","pool_type":"vm"})");
    EXPECT_EQ(other.status, 422);
    const auto nobody =
        co_await wire.call("internal", net::Method::post, "agent/acquire", R"({"session_id":"s"})");
    EXPECT_EQ(nobody.status, 422);
    EXPECT_NE(nobody.body.find("/user_id"), std::string::npos);
  });
}

}  // namespace
}  // namespace isa::pool::testing
