// Sandboxes for tests of the pool's own logic, where a backend has to fail on demand: each is a real server
// of the runtime protocol on a Unix socket of its own. The pool over real sandboxes is in tests/roles/.
#pragma once

#include "base/signal.h"
#include "base/testing.h"
#include "cloud_os/client.h"
#include "net/server.h"
#include "net/sse.h"
#include "sdk/runtime_protocol.h"

#include <memory>
#include <set>

namespace isa::pool::testing {

class TestVmClient : public cloud_os::VmClient {
 public:
  TestVmClient(asio::any_io_executor executor, std::filesystem::path folder)
      : executor_(executor), folder_(std::move(folder)), gate_(executor) {}

  // ---- what a test decides ----
  std::size_t failing_creates = 0;  // So many creations fail from now on.
  std::size_t failing_binds = 0;
  bool is_unreachable = false;          // list() and find() fail.
  std::function<Task<void>()> on_list;  // What else happens while a list is on its way.
  void hold_creates() { is_held_ = true; }
  void let_creates_go() {
    is_held_ = false;
    gate_.notify();
  }
  // The sandbox dies: its runtime answers no more and its status says so.
  Task<void> kill(SandboxId id) {
    auto& sandbox = *sandboxes_.at(id);
    sandbox.vm.status = cloud_os::VmStatus::failed;
    sandbox.vm.exit = cloud_os::VmExit{.code = {}, .signal = 9, .reason = "killed"};
    sandbox.hold.notify();
    co_await sandbox.server->stop();
  }
  void end_turns(SandboxId id) {
    sandboxes_.at(id)->is_turn_held = false;
    sandboxes_.at(id)->hold.notify();
  }
  Task<void> stop_all() {
    for (const auto& [id, sandbox] : sandboxes_) {
      sandbox->hold.notify();
      co_await sandbox->server->stop();
    }
    sandboxes_.clear();
  }

  // ---- what a test looks at ----
  std::size_t count() const { return sandboxes_.size(); }
  std::set<std::string> ids() const {
    std::set<std::string> all;
    for (const auto& [id, sandbox] : sandboxes_) all.insert(id.value());
    return all;
  }
  bool exists(const SandboxId& id) const { return sandboxes_.contains(id); }
  std::size_t creates = 0;
  std::size_t creating = 0;
  std::size_t creating_peak = 0;
  const cloud_os::VmBinding& binding(const SandboxId& id) const { return sandboxes_.at(id)->binding.value(); }
  std::size_t allows = 0;  // Calls of allow().
  const std::optional<cloud_os::VmAllowance>& allowance(const SandboxId& id) const {
    return sandboxes_.at(id)->allowance;
  }
  const sdk::RuntimeInit& init(const SandboxId& id) const { return sandboxes_.at(id)->init.value(); }

  // ---- VmClient ----
  Task<Result<cloud_os::Vm>> pause(SandboxId) override {
    co_return not_implemented("not part of these tests");
  }
  Task<Result<cloud_os::Vm>> resume(SandboxId) override {
    co_return not_implemented("not part of these tests");
  }
  Task<Result<cloud_os::VmStats>> stats(SandboxId) override {
    co_return not_implemented("not part of these tests");
  }
  Task<Result<cloud_os::Vm>> renew(SandboxId, cloud_os::VmRenew) override {
    co_return not_implemented("not part of these tests");
  }
  Task<Result<cloud_os::Vm>> create(cloud_os::VmCreate spec, Deadline) override {
    ++creates;
    creating_peak = std::max(creating_peak, ++creating);
    struct Leave {
      std::size_t& count;
      ~Leave() { --count; }
    } leave{creating};
    while (is_held_) co_await gate_.wait();
    if (failing_creates > 0) {
      --failing_creates;
      co_return service_unavailable("the backend is out of order");
    }
    auto sandbox = std::make_shared<Sandbox>(executor_);
    sandbox->vm.vm_id = SandboxId::make();
    sandbox->vm.status = cloud_os::VmStatus::running;
    sandbox->vm.labels = spec.labels;
    sandbox->vm.created_at = now();
    const auto socket = (folder_ / (random_hex(4) + ".sock")).string();
    sandbox->vm.endpoint = cloud_os::VmEndpoint{.unix_ = socket, .host = {}, .port = {}};
    net::ServerOptions options;
    options.name = "test-runtime";
    options.limits.drain_timeout = std::chrono::milliseconds(0);
    sandbox->server = std::make_unique<net::Server>(executor_, runtime(sandbox.get()), std::move(options));
    ISA_CO_TRYV(sandbox->server->listen(net::Endpoint::unix_socket(socket)));
    sandboxes_.emplace(sandbox->vm.vm_id, sandbox);
    co_return sandbox->vm;
  }
  Task<Result<cloud_os::Vm>> start(SandboxId id, Deadline) override {
    co_return co_await find(std::move(id));
  }
  Task<Result<cloud_os::Vm>> stop(SandboxId id) override { co_return co_await find(std::move(id)); }
  Task<Result<void>> remove(SandboxId id) override {
    const auto found = sandboxes_.find(id);
    if (found == sandboxes_.end()) co_return ok();
    const auto sandbox = found->second;
    sandboxes_.erase(found);
    sandbox->hold.notify();
    co_await sandbox->server->stop();
    co_return ok();
  }
  Task<Result<cloud_os::Vm>> find(SandboxId id) override {
    if (is_unreachable) co_return service_unavailable("cloud_os cannot be reached");
    if (!sandboxes_.contains(id)) co_return not_found("sandbox {} does not exist", id.value());
    co_return sandboxes_.at(id)->vm;
  }
  Task<Result<std::vector<cloud_os::Vm>>> list(std::map<std::string, std::string> labels) override {
    if (on_list) co_await on_list();
    if (is_unreachable) co_return service_unavailable("cloud_os cannot be reached");
    std::vector<cloud_os::Vm> found;
    for (const auto& [id, sandbox] : sandboxes_)
      if (std::ranges::includes(sandbox->vm.labels, labels)) found.push_back(sandbox->vm);
    co_return found;
  }
  Task<Result<void>> bind(SandboxId id, cloud_os::VmBinding binding) override {
    if (failing_binds > 0) {
      --failing_binds;
      co_return internal_error("the broker is out of order");
    }
    if (!sandboxes_.contains(id)) co_return not_found("sandbox {} does not exist", id.value());
    auto& bound = sandboxes_.at(id)->binding;
    if (bound && bound->lease_id != binding.lease_id) co_return conflict("the sandbox serves another lease");
    bound = std::move(binding);
    co_return ok();
  }
  Task<Result<void>> allow(SandboxId id, cloud_os::VmAllowance allowance) override {
    if (!sandboxes_.contains(id)) co_return not_found("sandbox {} does not exist", id.value());
    ++allows;
    sandboxes_.at(id)->allowance = std::move(allowance);
    co_return ok();
  }
  Task<Result<cloud_os::VmModelUse>> settle(SandboxId id, RunId run) override {
    if (!sandboxes_.contains(id)) co_return not_found("sandbox {} does not exist", id.value());
    cloud_os::VmModelUse use;
    use.problem = "settled for " + run.value();
    co_return use;
  }
  // As a test needs it: a sandbox whose age lets reconcile act on it.
  void make_older(const SandboxId& id, std::chrono::milliseconds by) {
    sandboxes_.at(id)->vm.created_at -= by;
  }

 private:
  struct Sandbox {
    explicit Sandbox(asio::any_io_executor executor) : hold(std::move(executor)) {}
    cloud_os::Vm vm;
    std::unique_ptr<net::Server> server;
    std::optional<cloud_os::VmBinding> binding;
    std::optional<cloud_os::VmAllowance> allowance;
    std::optional<sdk::RuntimeInit> init;
    bool is_turn_held = true;
    Signal hold;
  };

  static Task<Result<net::Response>> health(Sandbox*, net::Request&) {
    co_return net::Response::json(200, json::object{{"status", "ready"}});
  }
  static Task<Result<net::Response>> initialise(Sandbox* self, net::Request& request) {
    if (self->init) co_return conflict("initialised already");
    ISA_CO_TRY(self->init, json::parse_as<sdk::RuntimeInit>(request.body));
    co_return net::Response::json(200, json::object{});
  }
  // Answers with the message and the length of the history. "hold" keeps the turn open until end_turns(),
  // "crash" breaks the stream off, "fail" ends with an error event.
  static Task<Result<net::Response>> chat(Sandbox* self, net::Request& request) {
    ISA_CO_TRY(auto chat, json::parse_as<sdk::RuntimeChat>(request.body));
    const auto shared = std::make_shared<sdk::RuntimeChat>(std::move(chat));
    co_return net::Response::sse([self, shared](net::BodyWriter& to) { return turn(self, shared, to); });
  }
  static Task<void> turn(Sandbox* self, std::shared_ptr<sdk::RuntimeChat> chat, net::BodyWriter& to) {
    if (!co_await to.write(event("text", chat->message))) co_return;
    if (chat->message == "crash") throw std::runtime_error("as the test asked");
    while (chat->message == "hold" && self->is_turn_held && self->vm.status == cloud_os::VmStatus::running)
      co_await self->hold.wait();
    const auto known = chat->history ? chat->history->size() : 0;
    auto text = chat->message == "fail" ? event("error", "as the test asked")
                                        : event("result", fmt::format("{} after {}", chat->message, known));
    sdk::RuntimeHistory history;
    history.new_messages.emplace_back(sdk::to_json(sdk::Message::make(sdk::ChatRole::user, chat->message)));
    history.new_messages.emplace_back(sdk::to_json(sdk::Message::make(sdk::ChatRole::assistant, "yes")));
    text += net::format_sse({{}, "history", json::serialize(json::write(history))});
    text += net::kSseDone;
    static_cast<void>(co_await to.write(std::move(text)));
  }
  static std::string event(std::string_view type, std::string_view content) {
    const json::object body{{"type", type}, {"content", content}, {"metadata", json::object{}}};
    return net::format_sse({{}, {}, json::serialize(body)});
  }
  static net::Router runtime(Sandbox* self) {
    using Call = Task<Result<net::Response>> (*)(Sandbox*, net::Request&);
    const auto to = [self](Call call) -> net::Handler {
      return [self, call](net::Request& request) { return call(self, request); };
    };
    const net::RouteOptions open{.body_max = 16 << 20, .is_public = true};
    return net::Router({{net::Method::get, "/health", to(health), open},
                        {net::Method::post, "/init", to(initialise), open},
                        {net::Method::post, "/api/v1/agents/chat", to(chat), open}});
  }

  asio::any_io_executor executor_;
  std::filesystem::path folder_;
  Signal gate_;
  bool is_held_ = false;
  std::map<SandboxId, std::shared_ptr<Sandbox>> sandboxes_;
};

}  // namespace isa::pool::testing
