// The identity of a request is the channel that it came through.
#include "cloud_os/testing.h"

namespace isa::cloud_os::testing {
namespace {

std::string broker_of(const Vm& vm) {
  return SandboxDir{std::filesystem::path(*vm.endpoint->unix_).parent_path()}.broker_socket().string();
}

Task<net::ClientResponse> ask(Vm vm, net::ClientRequest request) {
  net::Client client;
  auto answer = co_await client.send(net::Endpoint::unix_socket(broker_of(vm)), std::move(request), soon());
  if (!answer) throw std::runtime_error(answer.error().message());
  co_return std::move(*answer);
}

net::ClientRequest request_for(std::string target, net::Method method = net::Method::post) {
  net::ClientRequest request;
  request.method = method;
  request.target = std::move(target);
  request.body = method == net::Method::post ? R"({"model":"builtin/demo"})" : "";
  return request;
}

TEST(Broker, AnUnboundSandboxGets403WhateverItAsksFor) {
  ISA_NEEDS_SANDBOXES();
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    for (const std::string target : {"/v1/messages", "/v1/chat/completions", "/", "/api/v1/vms", "/health"}) {
      const auto answer = co_await ask(vm, request_for(target));
      EXPECT_EQ(answer.status, 403) << target;
      EXPECT_NE(answer.body.find("sandbox_not_bound"), std::string::npos) << answer.body;
    }
    const auto counters = service.counters(vm.vm_id);
    EXPECT_EQ(counters->requests, 5);
    EXPECT_EQ(counters->refused, 5);
  });
}

TEST(Broker, ABoundSandboxSpeaksForItsUserWhateverItClaims) {
  ISA_NEEDS_SANDBOXES();
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    EXPECT_TRUE((co_await service.bind(vm.vm_id, binding_of("user_a"))).has_value());
    auto request = request_for("/v1/chat/completions");
    for (const char* name : {"X-User-Id", "x-org-id", "X-Internal-Service", "X-Internal-Service-Secret",
                             "Authorization", "Proxy-Authorization", "X-API-Key", "api-key", "Cookie",
                             "X-Forwarded-For", "Forwarded", "user-id", "x-goog-api-key"})
      request.headers.set(name, "root");
    request.headers.set("Content-Type", "application/json");
    const auto answer = co_await ask(vm, std::move(request));
    EXPECT_EQ(answer.status, 200) << answer.body;
    const auto seen = json::parse(answer.body)->as_object();
    EXPECT_EQ(seen.at("user"), "user_a");
    EXPECT_EQ(seen.at("org"), "org_a");
    EXPECT_EQ(seen.at("is_internal"), false);
    EXPECT_EQ(seen.at("body"), R"({"model":"builtin/demo"})");
    for (const auto& name : seen.at("headers").as_array()) {
      const std::set<std::string> harmless{"Content-Type", "User-Agent", "Accept", "traceparent"};
      EXPECT_TRUE(harmless.contains(std::string(name.as_string()))) << name;
    }
  });
}

TEST(Broker, NothingButTheModelServiceIsReachable) {
  ISA_NEEDS_SANDBOXES();
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    EXPECT_TRUE((co_await service.bind(vm.vm_id, binding_of("user_a"))).has_value());
    for (const std::string target : {"/api/v1/vms", "/v2/models", "/v1", "/metrics", "/health"}) {
      const auto answer = co_await ask(vm, request_for(target));
      EXPECT_EQ(answer.status, 403) << target << answer.body;
      EXPECT_NE(answer.body.find("not_reachable"), std::string::npos) << answer.body;
    }
    for (const std::string target : {"/v1/../api/v1/vms", "/v1/%2e%2e/api/v1/vms", "/v1//x", "/v1/models/.."})
      EXPECT_EQ((co_await ask(vm, request_for(target))).status, 400) << target;
    EXPECT_EQ((co_await ask(vm, request_for("/v1/models", net::Method::get))).status, 200);
    EXPECT_EQ(service.counters(vm.vm_id)->refused, 9);
  });
}

TEST(Broker, ASandboxServesOneLeaseInItsLife) {
  ISA_NEEDS_SANDBOXES();
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    EXPECT_TRUE((co_await service.bind(vm.vm_id, binding_of("user_a", "lease_1"))).has_value());
    EXPECT_TRUE((co_await service.bind(vm.vm_id, binding_of("user_a", "lease_1"))).has_value());
    // Not even the same lease can hand it to somebody else.
    EXPECT_TRUE((co_await service.bind(vm.vm_id, binding_of("user_b", "lease_1"))).has_value());
    EXPECT_EQ((co_await service.bind(vm.vm_id, binding_of("user_b", "lease_2"))).error().kind(),
              ErrorKind::conflict);
    const auto answer = co_await ask(vm, request_for("/v1/models", net::Method::get));
    EXPECT_NE(answer.body.find(R"("user":"user_a")"), std::string::npos) << answer.body;
  });
}

TEST(Broker, EachSandboxHasAChannelOfItsOwn) {
  ISA_NEEDS_SANDBOXES();
  with_service([](Service& service) -> Task<void> {
    const auto one = co_await created(service);
    const auto two = co_await created(service);
    EXPECT_TRUE((co_await service.bind(one.vm_id, binding_of("user_a"))).has_value());
    EXPECT_EQ((co_await ask(one, request_for("/v1/models"))).status, 200);
    EXPECT_EQ((co_await ask(two, request_for("/v1/models"))).status, 403);
  });
}

VmAllowance of_run(std::string run, std::optional<std::int64_t> max_tokens) {
  VmAllowance allowance;
  allowance.run_id = RunId(std::move(run));
  allowance.max_tokens = max_tokens;
  return allowance;
}

// A question whose answer says that it used so many tokens.
net::ClientRequest costing(std::int64_t tokens) {
  auto request = request_for("/v1/chat/completions");
  request.body = fmt::format(R"({{"answer":{{"usage":{{"prompt_tokens":{}}}}}}})", tokens);
  return request;
}

TEST(Broker, HoldsTheLimitsOfARunForWhoeverAsksAlsoAfterARestart) {
  ISA_NEEDS_SANDBOXES();
  const TempFolder folder;
  std::optional<Vm> made;
  serve(folder.path(), AtEnd::leave_running, [&](Service& service) -> Task<void> {
    made = co_await created(service);
    const auto id = made->vm_id;
    EXPECT_EQ((co_await service.allow(id, VmAllowance{})).error().param(), "/run_id");
    EXPECT_TRUE((co_await service.bind(id, binding_of("user_a"))).has_value());
    EXPECT_TRUE((co_await service.allow(id, of_run("run_1", 100))).has_value());
    for (const int status : {200, 200, 402}) EXPECT_EQ((co_await ask(*made, costing(60))).status, status);
    const auto refused = co_await ask(*made, costing(60));
    EXPECT_NE(refused.body.find(R"("code":"budget_exceeded")"), std::string::npos) << refused.body;
    EXPECT_NE(refused.body.find("run_1"), std::string::npos) << refused.body;
    EXPECT_EQ((co_await ask(*made, request_for("/v1/models", net::Method::get))).status, 200);
  });
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    const auto id = made->vm_id;
    EXPECT_EQ((co_await service.find(id))->status, VmStatus::running);
    EXPECT_EQ((co_await ask(*made, costing(60))).status, 402);
    EXPECT_TRUE((co_await service.allow(id, of_run("run_1", 200))).has_value());  // What it used stays.
    for (const int status : {200, 200, 402}) EXPECT_EQ((co_await ask(*made, costing(40))).status, status);
    const auto use = co_await service.settle(id, RunId("run_1"));
    EXPECT_EQ(use->usage.input_tokens, 200);
    EXPECT_EQ(use->calls, 4);
    EXPECT_EQ(use->unknown_calls, 0);
    EXPECT_EQ(use->limit, "max_tokens");
    EXPECT_EQ((co_await ask(*made, costing(1))).status, 402) << "the run is over";
    EXPECT_TRUE((co_await service.allow(id, of_run("run_2", std::nullopt))).has_value());
    EXPECT_EQ((co_await ask(*made, costing(1000))).status, 200);
    EXPECT_EQ((co_await service.settle(id, RunId("run_2")))->usage.input_tokens, 1000);
  });
}

}  // namespace
}  // namespace isa::cloud_os::testing
