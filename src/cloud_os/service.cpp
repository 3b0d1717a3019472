#include "cloud_os/service.h"

#include "base/offload.h"

#include <algorithm>

namespace isa::cloud_os {
namespace {

net::ClientOptions health_client() {
  net::ClientOptions options;
  options.idle_per_endpoint = 0;  // One question per sandbox: nothing is kept open into it.
  options.body_max = 64 << 10;
  return options;
}

bool has_all(const std::map<std::string, std::string>& labels,
             const std::map<std::string, std::string>& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& one) {
    const auto found = labels.find(one.first);
    return found != labels.end() && found->second == one.second;
  });
}

// What a backend must be able to do to start it again; it may be another one than made it.
VmCreate wishes_of(const Record& record) {
  VmCreate spec;
  spec.image = record.image;
  spec.command = record.command;
  spec.container_port = record.container_port;
  spec.network_mode = record.vm.network_mode;
  spec.env = record.env;
  return spec;
}

}  // namespace

Service::Service(asio::any_io_executor executor, std::filesystem::path data_dir, const Settings& settings,
                 std::unique_ptr<Backend> backend, Brokerage& brokerage)
    : executor_(executor),
      folder_(std::filesystem::absolute(data_dir) / "sandboxes"),
      backend_(std::move(backend)),
      brokerage_(brokerage),
      keys_(executor, brokerage.idempotency()),
      client_(health_client()),
      workers_(static_cast<std::size_t>(std::clamp<std::int64_t>(settings.create_parallel, 1, 64)) + 1),
      creating_(executor,
                static_cast<std::size_t>(std::clamp<std::int64_t>(settings.create_parallel, 1, 64))),
      orphan_grace_(settings.orphan_grace),
      tasks_(executor) {}

Service::~Service() {
  workers_.join();
}

Result<SandboxPtr> Service::known(const SandboxId& id) const {
  const auto found = sandboxes_.find(id);
  if (found == sandboxes_.end() || found->second->record.vm.status == VmStatus::deleted)
    return not_found("sandbox {} does not exist", id.value());
  return found->second;
}

Task<Result<Vm>> Service::start(SandboxId id, Deadline deadline) {
  ISA_CO_TRY(const auto sandbox, known(id));
  const auto one_of_few = co_await creating_.acquire();
  const auto turn = co_await sandbox->turn.acquire();
  if (sandbox->record.vm.status == VmStatus::running) co_return sandbox->record.vm;
  ISA_CO_TRYV(backend_->accepts(wishes_of(sandbox->record)));
  note_backend(sandbox->record.vm);
  ISA_CO_TRYV(co_await take_step(sandbox, VmStep::restart));
  sandbox->record.vm.exit.reset();
  if (auto launched = co_await launch(sandbox, deadline); !launched) {
    std::ignore = co_await halt(sandbox);
    sandbox->record.vm.exit =
        VmExit{std::nullopt, std::nullopt, "did not start: " + launched.error().message()};
    ISA_CO_TRYV(co_await take_step(sandbox, VmStep::failed));
    co_return Failure(std::move(launched).error());
  }
  co_return sandbox->record.vm;
}

Task<Result<Vm>> Service::stop(SandboxId id) {
  ISA_CO_TRY(const auto sandbox, known(id));
  const auto turn = co_await sandbox->turn.acquire();
  if (sandbox->record.vm.status == VmStatus::stopped) co_return sandbox->record.vm;
  ISA_CO_TRYV(next_status(sandbox->record.vm.status, VmStep::ended));
  ISA_CO_TRYV(co_await halt(sandbox));
  sandbox->record.vm.exit = VmExit{std::nullopt, 9, "stopped"};
  ISA_CO_TRYV(co_await take_step(sandbox, VmStep::ended));
  co_return sandbox->record.vm;
}

Task<Result<void>> Service::remove(SandboxId id) {
  const auto found = sandboxes_.find(id);
  if (found == sandboxes_.end()) co_return ok();
  const auto sandbox = found->second;
  const auto turn = co_await sandbox->turn.acquire();
  if (!sandboxes_.contains(id)) co_return ok();  // Somebody else removed it meanwhile.
  ISA_CO_TRYV(co_await take_step(sandbox, VmStep::remove));
  co_return co_await destroy(sandbox);
}

bool Service::may_see(const Identity& who, const SandboxId& id) const {
  if (who.is_internal) return true;
  const auto sandbox = known(id);
  if (!sandbox) return false;
  const auto& record = (*sandbox)->record;
  return record.vm.user_id == who.user || (record.binding && record.binding->user_id == who.user);
}

Task<Result<SandboxPtr>> Service::settled(SandboxId id) {
  ISA_CO_TRY(const auto sandbox, known(id));
  while (!sandbox->is_settled) co_await sandbox->changed.wait();
  co_return known(id);
}

Task<Result<Vm>> Service::find(SandboxId id) {
  ISA_CO_TRY(const auto sandbox, co_await settled(std::move(id)));
  co_return sandbox->record.vm;
}

Task<Result<std::vector<Vm>>> Service::list(std::map<std::string, std::string> labels) {
  std::vector<SandboxPtr> all;
  for (const auto& [id, sandbox] : sandboxes_) all.push_back(sandbox);
  std::vector<Vm> found;
  for (const auto& sandbox : all) {
    while (!sandbox->is_settled) co_await sandbox->changed.wait();
    const auto& vm = sandbox->record.vm;
    if (vm.status != VmStatus::deleted && has_all(vm.labels, labels)) found.push_back(vm);
  }
  co_return found;
}

Task<Result<void>> Service::bind(SandboxId id, VmBinding binding) {
  ISA_CO_TRY(const auto sandbox, known(id));
  if (binding.egress) ISA_CO_TRYV(EgressRules::parse(*binding.egress));
  const auto turn = co_await sandbox->turn.acquire();
  const auto& vm = sandbox->record.vm;
  if (vm.status != VmStatus::running)
    co_return conflict("sandbox {} is {} and cannot be bound to a lease", id.value(),
                       json::name_of(vm.status));
  const auto& bound = sandbox->record.binding;
  const bool is_same_lease = bound && bound->lease_id == binding.lease_id;
  if (is_same_lease && bound->egress == binding.egress) co_return ok();
  if (bound && !is_same_lease)
    co_return conflict("sandbox {} serves another lease; a sandbox serves one lease in its life", id.value());
  // Who it speaks for stays as it was for as long as the lease does; where it may go does not.
  if (is_same_lease) {
    auto allowed = std::move(binding.egress);
    binding = *bound;
    binding.egress = std::move(allowed);
  }
  // On disk before it takes effect: after a restart the channel must not speak for somebody else.
  auto former = std::exchange(sandbox->record.binding, binding);
  if (auto saved = co_await persist(sandbox); !saved) {
    sandbox->record.binding = std::move(former);
    co_return saved;
  }
  sandbox->broker->bind(std::move(binding));
  co_return ok();
}

Task<Result<std::string>> Service::logs(SandboxId id) {
  ISA_CO_TRY(const auto sandbox, known(id));
  const auto read = [this, dir = sandbox->dir]() -> Result<std::string> { return backend_->logs(dir); };
  co_return co_await offload<std::string>(workers_, read);
}

Result<std::vector<std::string>> Service::allowed_hosts(const SandboxId& id) const {
  ISA_TRY(const auto sandbox, known(id));
  if (!sandbox->broker) return std::vector<std::string>();
  return sandbox->broker->allowed().to_strings();
}

Result<BrokerCounters> Service::counters(const SandboxId& id) const {
  ISA_TRY(const auto sandbox, known(id));
  return sandbox->broker ? sandbox->broker->counters() : BrokerCounters{};
}

}  // namespace isa::cloud_os
