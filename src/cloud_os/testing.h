// Support of cloud_os's tests: a service over real sandboxes in a folder of its own, and a way to look around
// inside.
#pragma once

#include "base/testing.h"
#include "cloud_os/backends/docker/probe.h"
#include "cloud_os/probe.h"
#include "cloud_os/service.h"

#include <gtest/gtest.h>

namespace isa::cloud_os::testing {

using isa::testing::TempFolder;

// Stands in for the model service: says who asked, or what the question tells it to: {"answer": {...}}.
class EchoModels : public model::ModelClient {
 public:
  Task<Result<void>> check(std::string) override { co_return ok(); }
  Task<Result<void>> check_price(std::string) override { co_return ok(); }
  Task<Result<sdk::ChatResult>> chat(sdk::ChatRequest, sdk::ChatSink, Deadline) override {
    co_return not_implemented("not part of this test");
  }
  Task<net::Response> forward(net::Request request, Identity identity) override {
    const auto question = json::parse(request.body);
    if (question && question->is_object() && question->get_object().contains("answer"))
      co_return net::Response::json(200, question->get_object().at("answer"));
    json::object seen;
    seen["user"] = identity.user.value();
    seen["org"] = identity.orgs.empty() ? "" : identity.orgs.front().org.value();
    seen["is_internal"] = identity.is_internal;
    seen["path"] = request.path;
    seen["body"] = request.body;
    json::array names;
    for (const auto& [name, value] : request.headers.all()) names.emplace_back(name);
    seen["headers"] = std::move(names);
    co_return net::Response::json(200, seen);
  }
};

// What the running test is about: the parameter of a case of EveryBackend, bubblewrap elsewhere.
inline std::string backend_under_test() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string_view parameter = test && test->value_param() ? test->value_param() : "";
  if (parameter == "\"docker\"") return "docker";
  return parameter == "\"process\"" ? "process" : "bubblewrap";
}

inline Settings test_settings() {
  Settings settings;
  settings.backend = backend_under_test();
  settings.insecure_no_isolation = settings.backend == "process";
  settings.shim_path = ISA_SHIM;
  settings.runtime_path = ISA_TEST_RUNTIME;
  settings.orphan_grace = std::chrono::milliseconds(0);
  settings.bridge_network = true;
  if (const char* image = std::getenv("ISA_TEST_IMAGE")) settings.docker_image = image;
  return settings;
}

// The reason why sandboxes cannot run on this machine; empty when they can.
inline const std::string& why_no_sandboxes() {
  static std::map<std::string, std::string> reasons;
  const auto [reason, is_new] = reasons.try_emplace(backend_under_test());
  if (is_new) {
    const TempFolder folder;
    const auto backend = probe(test_settings(), folder.path()).take_backend();
    if (!backend) reason->second = backend.error().message();
  }
  return reason->second;
}

// Cases that hold whatever a sandbox is made of: a suite derives from this, its cases are TEST_P, and
// ISA_FOR_EVERY_BACKEND runs them on each. tests/with_docker brings an engine for those of docker, and
// tests/as_ordinary_user somebody who may run those of process.
class EveryBackend : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!why_no_sandboxes().empty()) GTEST_SKIP() << why_no_sandboxes();
  }
};

#define ISA_FOR_BACKENDS(suite, ...)                                \
  INSTANTIATE_TEST_SUITE_P(, suite, ::testing::Values(__VA_ARGS__), \
                           [](const auto& backend) { return std::string(backend.param); })
#define ISA_FOR_EVERY_BACKEND(suite) ISA_FOR_BACKENDS(suite, "bubblewrap", "docker", "process")
// What the cases promise is isolation.
#define ISA_FOR_EVERY_BACKEND_THAT_ISOLATES(suite) ISA_FOR_BACKENDS(suite, "bubblewrap", "docker")

#define ISA_NEEDS_SANDBOXES() \
  if (!why_no_sandboxes().empty()) GTEST_SKIP() << why_no_sandboxes()

// Without the trial that a start-up makes: it was made once, by why_no_sandboxes().
inline std::unique_ptr<Backend> backend_for(const std::filesystem::path& data_dir) {
  const auto settings = test_settings();
  auto found =
      settings.backend == "docker" ? probe_docker(settings, data_dir, Trial::no) : probe(settings, data_dir);
  auto backend = std::move(found).take_backend();
  if (!backend) throw std::runtime_error(backend.error().message());
  return std::move(*backend);
}

inline SandboxDir dir_of(const std::filesystem::path& data_dir, const SandboxId& id) {
  return {data_dir / "sandboxes" / id.value()};
}

inline SandboxDir dir_of(const Vm& vm) {
  return {std::filesystem::path(*vm.endpoint->unix_).parent_path()};
}

inline std::filesystem::path data_dir_of(const Vm& vm) {
  return dir_of(vm).root.parent_path().parent_path();
}

// What a sandbox without isolation has of the host's, the others have under names and of a kind of their own.
inline bool isolates(const Vm& vm) {
  return vm.backend != "process";
}
inline std::string workspace_in(const Vm& vm) {
  return isolates(vm) ? "/workspace" : dir_of(vm).workspace().string();
}
inline std::string broker_in(const Vm& vm) {
  return isolates(vm) ? "/run/isa/broker.sock" : dir_of(vm).broker_socket().string();
}

// Of a running sandbox: who is watched for its end.
inline ProcessId supervisor_of(const std::filesystem::path& data_dir, const SandboxId& id) {
  const auto found = backend_for(data_dir)->find(dir_of(data_dir, id));
  if (!found || !*found) throw std::runtime_error("the sandbox has no supervisor");
  return **found;
}

// Posts to the sandbox's test runtime.
inline Task<std::string> post(Vm vm, std::string path, std::string body) {
  net::Client client;
  net::ClientRequest request;
  request.method = net::Method::post;
  request.target = std::move(path);
  request.body = std::move(body);
  auto answer = co_await client.send(net::Endpoint::unix_socket(*vm.endpoint->unix_), std::move(request),
                                     Deadline::after(std::chrono::seconds(20)));
  co_return answer ? answer->body : "error: " + answer.error().message();
}

// Runs a shell command inside; its output, then [exit status].
inline Task<std::string> shell(Vm vm, std::string command) {
  co_return co_await post(std::move(vm), "/sh", std::move(command));
}

inline Deadline soon() {
  return Deadline::after(std::chrono::seconds(60));
}

// Waits until the service sees the sandbox in that state.
inline Task<Vm> await_status(Service& service, SandboxId id, VmStatus status) {
  const auto deadline = soon();
  for (;;) {
    auto vm = co_await service.find(id);
    if (vm && vm->status == status) co_return *vm;
    if (deadline.passed()) throw std::runtime_error("the sandbox does not reach the expected state");
    co_await sleep_for(std::chrono::milliseconds(2));
  }
}

// Everything on this host that could belong to sandboxes of that folder.
inline std::vector<std::string> traces_of(const std::filesystem::path& data_dir) {
  std::vector<std::string> traces;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(data_dir / "sandboxes", error))
    if (entry.path().filename() != ".lock") traces.push_back(entry.path().string());
  for (const auto& shim : find_shims(data_dir / "sandboxes").value())
    traces.push_back("process " + shim.dir.string());
  const auto backend = backend_for(data_dir);
  for (const auto& one : backend->enumerate().value()) traces.push_back("group of " + one.id.value());
  backend->retire();
  const auto mounts = read_text("/proc/self/mountinfo").value_or("");
  if (mounts.find(data_dir.string()) != std::string::npos) traces.push_back("a mount");
  return traces;
}

enum class AtEnd { empty, leave_running };

// A service over that folder: started, used, and then either emptied or stopped as for a restart.
template <class Use>
void serve(const std::filesystem::path& data_dir, AtEnd at_end, Use use) {
  isa::testing::run([](const std::filesystem::path& folder, AtEnd end, Use& body) -> Task<void> {
    EchoModels models;
    net::Metrics metrics;
    const auto executor = co_await asio::this_coro::executor;
    auto brokerage = Brokerage::open(executor, folder, test_settings(), models, metrics);
    if (!brokerage) throw std::runtime_error(brokerage.error().message());
    Service service(executor, folder, test_settings(), backend_for(folder), **brokerage);
    const auto started = co_await service.start();
    if (!started) throw std::runtime_error(started.error().message());
    std::exception_ptr failure;
    try {
      co_await body(service);
    } catch (...) {
      failure = std::current_exception();
    }
    if (end == AtEnd::leave_running && !failure) {
      co_await service.stop();
      co_return co_await (*brokerage)->stop();
    }
    const auto emptied = co_await service.stop_all();
    co_await (*brokerage)->stop();
    EXPECT_TRUE(emptied.has_value()) << emptied.error().message();
    if (failure) std::rethrow_exception(failure);
  }(data_dir, at_end, use));
}

template <class Use>
void with_service(Use use) {
  const TempFolder folder;
  serve(folder.path(), AtEnd::empty, std::move(use));
  EXPECT_EQ(traces_of(folder.path()), std::vector<std::string>());
}

// A sandbox that must come up.
inline Task<Vm> created(Service& service, VmCreate spec = {}) {
  auto vm = co_await service.create(std::move(spec), soon());
  if (!vm) throw std::runtime_error(vm.error().message() + "\n" + vm.error().detail());
  co_return std::move(*vm);
}

inline VmBinding binding_of(std::string user, std::string lease = "lease_1") {
  return {std::move(lease), UserId(std::move(user)), OrgId("org_a"), std::nullopt, "sess_1"};
}

}  // namespace isa::cloud_os::testing
