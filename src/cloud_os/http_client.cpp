#include "cloud_os/http_client.h"

#include "cloud_os/wire.h"

namespace isa::cloud_os {
namespace {

constexpr auto kAnswerWithin = std::chrono::seconds(30);  // Of what has no deadline of its own.

Deadline patience() {
  return Deadline::after(kAnswerWithin);
}

net::Headers platform_headers(std::string secret) {
  net::Headers headers;
  headers.set("X-Internal-Service", "true");
  headers.set("X-Internal-Service-Secret", std::move(secret));
  return headers;
}

std::string path_of(const SandboxId& id, std::string_view verb = {}) {
  return fmt::format("/{}{}{}", net::percent_encode(id.value()), verb.empty() ? "" : "/", verb);
}

template <class T>
Result<T> parse_answer(const std::string& body) {
  auto parsed = json::parse_as<T>(body);
  if (!parsed)
    return upstream_error("the answer of cloud_os is not understood; do both sides run the same version?")
        .with_detail(parsed.error().message());
  return parsed;
}

}  // namespace

HttpVmClient::HttpVmClient(net::Client& client, net::Url base, std::string internal_secret)
    : client_(client), base_(std::move(base)), credentials_(platform_headers(std::move(internal_secret))) {}

net::ClientRequest HttpVmClient::request_to(net::Method method, std::string_view rest) const {
  net::ClientRequest request;
  request.method = method;
  request.target = fmt::format("{}/api/v1/vms{}", base_.prefix, rest);
  request.headers = credentials_;
  request.peer = "cloud_os (pool.cloud_os_url)";
  return request;
}

Task<Result<std::string>> HttpVmClient::call(net::ClientRequest request, Deadline deadline) {
  ISA_CO_TRY(auto answer, co_await client_.send(base_.endpoint, std::move(request), deadline));
  if (answer.status / 100 == 2) co_return std::move(answer.body);
  co_return net::error_of(answer.status, answer.body);
}

Task<Result<Vm>> HttpVmClient::call_for_vm(net::ClientRequest request, Deadline deadline) {
  ISA_CO_TRY(const auto body, co_await call(std::move(request), deadline));
  co_return parse_answer<Vm>(body);
}

Task<Result<Vm>> HttpVmClient::create(VmCreate spec, Deadline deadline) {
  auto request = request_to(net::Method::post, "");
  request.headers.set("Content-Type", "application/json");
  request.body = json::serialize(json::write(spec));
  co_return co_await call_for_vm(std::move(request), deadline);
}

Task<Result<Vm>> HttpVmClient::start(SandboxId id, Deadline deadline) {
  auto request = request_to(net::Method::post, path_of(id, "start"));
  co_return co_await call_for_vm(std::move(request), deadline);
}

Task<Result<Vm>> HttpVmClient::stop(SandboxId id) {
  auto request = request_to(net::Method::post, path_of(id, "stop"));
  co_return co_await call_for_vm(std::move(request), patience());
}

Task<Result<void>> HttpVmClient::remove(SandboxId id) {
  auto request = request_to(net::Method::del, path_of(id));
  ISA_CO_TRYV(co_await call(std::move(request), patience()));
  co_return ok();
}

Task<Result<Vm>> HttpVmClient::find(SandboxId id) {
  auto request = request_to(net::Method::get, path_of(id));
  co_return co_await call_for_vm(std::move(request), patience());
}

Task<Result<std::vector<Vm>>> HttpVmClient::list(std::map<std::string, std::string> labels) {
  std::string query;
  for (const auto& [name, value] : labels)
    query += fmt::format("{}label={}", query.empty() ? '?' : '&', net::percent_encode(name + "=" + value));
  auto request = request_to(net::Method::get, query);
  ISA_CO_TRY(const auto body, co_await call(std::move(request), patience()));
  ISA_CO_TRY(auto found, parse_answer<VmList>(body));
  co_return std::move(found.vms);
}

Task<Result<Vm>> HttpVmClient::pause(SandboxId id) {
  auto request = request_to(net::Method::post, path_of(id, "pause"));
  co_return co_await call_for_vm(std::move(request), patience());
}

Task<Result<Vm>> HttpVmClient::resume(SandboxId id) {
  auto request = request_to(net::Method::post, path_of(id, "resume"));
  co_return co_await call_for_vm(std::move(request), patience());
}

Task<Result<VmStats>> HttpVmClient::stats(SandboxId id) {
  auto request = request_to(net::Method::get, path_of(id, "stats"));
  ISA_CO_TRY(const auto body, co_await call(std::move(request), patience()));
  co_return parse_answer<VmStats>(body);
}

Task<Result<Vm>> HttpVmClient::renew(SandboxId id, VmRenew wanted) {
  auto request = request_to(net::Method::post, path_of(id, "renew"));
  request.headers.set("Content-Type", "application/json");
  request.body = json::serialize(json::write(wanted));
  co_return co_await call_for_vm(std::move(request), patience());
}

Task<Result<void>> HttpVmClient::bind(SandboxId id, VmBinding binding) {
  auto request = request_to(net::Method::put, path_of(id, "binding"));
  request.headers.set("Content-Type", "application/json");
  request.body = json::serialize(json::write(binding));
  ISA_CO_TRYV(co_await call(std::move(request), patience()));
  co_return ok();
}

Task<Result<void>> HttpVmClient::allow(SandboxId id, VmAllowance allowance) {
  auto request = request_to(net::Method::put, path_of(id, "allowance"));
  request.headers.set("Content-Type", "application/json");
  request.body = json::serialize(json::write(allowance));
  ISA_CO_TRYV(co_await call(std::move(request), patience()));
  co_return ok();
}

Task<Result<VmModelUse>> HttpVmClient::settle(SandboxId id, RunId run) {
  auto request =
      request_to(net::Method::del, path_of(id, "allowance?run_id=" + net::percent_encode(run.value())));
  ISA_CO_TRY(const auto body, co_await call(std::move(request), patience()));
  co_return parse_answer<VmModelUse>(body);
}

}  // namespace isa::cloud_os
