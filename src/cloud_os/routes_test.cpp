// cloud_os over HTTP: what users and other roles see of it, and the client of the latter.
#include "cloud_os/routes.h"

#include "cloud_os/http_client.h"
#include "cloud_os/testing.h"

namespace isa::cloud_os::testing {
namespace {

// A server of the routes whose guard believes X-User-Id, and takes the secret "s" for another role.
class Front {
 public:
  Front(asio::any_io_executor executor, Service& service) : server_(executor, routes(service), options()) {
    const auto bound = server_.listen(net::Endpoint::tcp("127.0.0.1", 0));
    if (!bound) throw std::runtime_error(bound.error().message());
    url_.endpoint = *bound;
  }
  const net::Url& url() const { return url_; }
  Task<void> stop() { return server_.stop(); }

 private:
  static net::ServerOptions options() {
    net::ServerOptions options;
    options.name = "cloud_os";
    options.guard = [](const net::Request& request) { return identify(request.headers); };
    return options;
  }
  static Task<Result<Identity>> identify(net::Headers headers) {
    Identity identity;
    identity.user = UserId(std::string(headers.get("X-User-Id")));
    identity.is_internal = headers.get("X-Internal-Service-Secret") == "s";
    co_return identity;
  }
  net::Server server_;
  net::Url url_;
};

template <class Use>
void with_front(Use use) {
  with_service([&](Service& service) -> Task<void> {
    Front front(co_await asio::this_coro::executor, service);
    net::Client client;
    co_await use(client, front.url());
    co_await front.stop();
  });
}

Task<net::ClientResponse> call(net::Client& client, const net::Url& url, std::string user, net::Method method,
                               std::string target, std::string body = "") {
  net::ClientRequest request;
  request.method = method;
  request.target = "/api/v1/vms" + target;
  request.headers.set("X-User-Id", std::move(user));
  request.body = std::move(body);
  auto answer = co_await client.send(url.endpoint, std::move(request), soon());
  if (!answer) throw std::runtime_error(answer.error().message());
  co_return std::move(*answer);
}

TEST(HttpVmClient, DoesOverTheWireWhatTheServiceDoes) {
  ISA_NEEDS_SANDBOXES();
  with_front([](net::Client& http, const net::Url& url) -> Task<void> {
    HttpVmClient client(http, url, "s");
    VmCreate spec;
    spec.labels = {{"pool", "agent"}, {"sign", "a=b&c"}};
    spec.limits.memory_mb = 128;
    const auto vm = co_await client.create(spec, soon());
    if (!vm) throw std::runtime_error(vm.error().message());
    EXPECT_EQ(vm->status, VmStatus::running);
    EXPECT_EQ(vm->limits.memory_mb, 128);
    EXPECT_EQ(co_await shell(*vm, "echo hello"), "hello\n[0]");
    EXPECT_EQ((co_await client.list(spec.labels))->size(), 1U);
    std::map<std::string, std::string> other{{"pool", "agent"}, {"sign", "x"}};
    EXPECT_EQ((co_await client.list(other))->size(), 0U);
    EXPECT_TRUE((co_await client.bind(vm->vm_id, binding_of("user_a"))).has_value());
    EXPECT_EQ((co_await client.bind(vm->vm_id, binding_of("user_a", "lease_2"))).error().kind(),
              ErrorKind::conflict);
    VmAllowance allowance;
    allowance.run_id = RunId("run_1");
    allowance.max_tokens = 7;
    EXPECT_TRUE((co_await client.allow(vm->vm_id, allowance)).has_value());
    EXPECT_EQ((co_await client.settle(vm->vm_id, RunId("run_2"))).error().kind(), ErrorKind::conflict);
    EXPECT_EQ((co_await client.settle(vm->vm_id, RunId("run_1")))->calls, 0);
    EXPECT_EQ((co_await client.stop(vm->vm_id))->status, VmStatus::stopped);
    EXPECT_EQ((co_await client.start(vm->vm_id, soon()))->status, VmStatus::running);
    EXPECT_TRUE((co_await client.remove(vm->vm_id)).has_value());
    EXPECT_TRUE((co_await client.remove(vm->vm_id)).has_value());
    EXPECT_EQ((co_await client.find(vm->vm_id)).error().kind(), ErrorKind::not_found);
    VmCreate bridge;
    bridge.network_mode = NetworkMode::bridge;
    EXPECT_EQ((co_await client.create(bridge, soon())).error().kind(), ErrorKind::not_implemented);
  });
}

TEST(HttpVmClient, NamesTheServiceAndTheSettingWhenNobodyListensNotTheAddress) {
  const auto listed = isa::testing::run([]() -> Task<Result<std::vector<Vm>>> {
    net::Client http;
    net::Url nowhere{net::Endpoint::unix_socket("/nonexistent/cloud_os.sock"), ""};
    HttpVmClient client(http, nowhere, "s");
    co_return co_await client.list({});
  }());
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().kind(), ErrorKind::service_unavailable);
  EXPECT_NE(listed.error().message().find("cloud_os (pool.cloud_os_url)"), std::string::npos);
  EXPECT_EQ(listed.error().message().find("nonexistent"), std::string::npos);
  EXPECT_NE(listed.error().detail().find("/nonexistent/cloud_os.sock"), std::string::npos);
}

TEST(Routes, AUserSeesOwnSandboxesOnly) {
  ISA_NEEDS_SANDBOXES();
  with_front([](net::Client& client, const net::Url& url) -> Task<void> {
    using net::Method;
    const auto made = co_await call(client, url, "user_a", Method::post, "", "{}");
    EXPECT_EQ(made.status, 201) << made.body;
    const auto vm = json::parse_as<Vm>(made.body).value();
    EXPECT_EQ(vm.user_id, UserId("user_a"));
    const auto path = "/" + vm.vm_id.value();
    EXPECT_EQ((co_await call(client, url, "user_a", Method::get, path)).status, 200);
    EXPECT_EQ((co_await call(client, url, "user_b", Method::get, path)).status, 404);
    EXPECT_EQ((co_await call(client, url, "user_b", Method::get, path + "/status")).status, 404);
    EXPECT_EQ((co_await call(client, url, "user_b", Method::get, path + "/logs")).status, 404);
    EXPECT_EQ((co_await call(client, url, "user_b", Method::post, path + "/stop")).status, 404);
    EXPECT_EQ((co_await call(client, url, "user_b", Method::post, path + "/exec", "{}")).status, 404);
    EXPECT_EQ((co_await call(client, url, "user_b", Method::get, path + "/files/x")).status, 404);
    EXPECT_EQ((co_await call(client, url, "user_b", Method::post, path + "/renew", "{}")).status, 404);
    EXPECT_EQ((co_await call(client, url, "user_b", Method::get, "")).body, R"({"vms":[]})");
    EXPECT_EQ((co_await call(client, url, "user_b", Method::del, path)).status, 200);
    EXPECT_EQ((co_await call(client, url, "user_a", Method::get, path)).status, 200)
        << "somebody else removed it";
    const auto foreign = co_await call(client, url, "user_a", Method::post, "", R"({"user_id":"user_b"})");
    EXPECT_EQ(foreign.status, 403);
    const auto binding = co_await call(client, url, "user_a", Method::put, path + "/binding", "{}");
    EXPECT_EQ(binding.status, 403);
  });
}

TEST(Routes, WhoseLeaseHoldsASandboxMayUseIt) {
  ISA_NEEDS_SANDBOXES();
  with_front([](net::Client& client, const net::Url& url) -> Task<void> {
    using net::Method;
    HttpVmClient platform(client, url, "s");
    const auto vm = co_await platform.create({}, soon());
    const auto path = "/" + vm->vm_id.value();
    EXPECT_EQ((co_await call(client, url, "user_a", Method::get, path)).status, 404);
    EXPECT_TRUE((co_await platform.bind(vm->vm_id, binding_of("user_a"))).has_value());
    EXPECT_EQ((co_await call(client, url, "user_a", Method::get, path)).status, 200);
    EXPECT_EQ((co_await call(client, url, "user_b", Method::get, path)).status, 404);
  });
}

TEST(Routes, TheStatusIsWaitedFor) {
  ISA_NEEDS_SANDBOXES();
  with_front([](net::Client& client, const net::Url& url) -> Task<void> {
    using net::Method;
    const auto made = co_await call(client, url, "user_a", Method::post, "", "{}");
    const auto path = "/" + json::parse_as<Vm>(made.body).value().vm_id.value() + "/status";
    EXPECT_EQ((co_await call(client, url, "user_a", Method::get, path + "?wait=running&timeout_s=5")).status,
              200);
    EXPECT_EQ((co_await call(client, url, "user_a", Method::get, path + "?wait=nonsense")).status, 422);
    EXPECT_EQ((co_await call(client, url, "user_a", Method::get, path + "?wait=running&timeout_s=x")).status,
              422);
  });
}

TEST(Routes, WhatTheBackendLacksIs501AndNamed) {
  ISA_NEEDS_SANDBOXES();
  with_front([](net::Client& client, const net::Url& url) -> Task<void> {
    using net::Method;
    const auto made = co_await call(client, url, "user_a", Method::post, "", "{}");
    const auto path = "/" + json::parse_as<Vm>(made.body).value().vm_id.value();
    const auto answer = co_await call(client, url, "user_a", Method::post, path + "/snapshot", "{}");
    EXPECT_EQ(answer.status, 501);
    EXPECT_NE(answer.body.find("bubblewrap"), std::string::npos) << answer.body;
  });
}

TEST(Routes, AMalformedRequestNamesTheField) {
  ISA_NEEDS_SANDBOXES();
  with_front([](net::Client& client, const net::Url& url) -> Task<void> {
    using net::Method;
    const auto unknown = co_await call(client, url, "user_a", Method::post, "", R"({"limit":{}})");
    EXPECT_EQ(unknown.status, 422) << unknown.body;
    const auto range =
        co_await call(client, url, "user_a", Method::post, "", R"({"limits":{"cpu_count":99}})");
    EXPECT_EQ(range.status, 422);
    EXPECT_NE(range.body.find("/limits/cpu_count"), std::string::npos) << range.body;
    EXPECT_EQ((co_await call(client, url, "user_a", Method::get, "?label=nonsense")).status, 422);
  });
}

}  // namespace
}  // namespace isa::cloud_os::testing
