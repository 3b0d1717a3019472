// cloud_os: the sandboxes of this host, from create to the last trace of them gone.
//
// Intent comes before effect: a sandbox's folder and record are the first thing made and the last thing
// removed. So the process may die at any moment; the next start() finds every sandbox by its record, adopts
// those that live, finishes what was begun and removes what nobody knows. Sandboxes do not die with the
// service (backend.h).
//
// Lives on one event loop, together with its brokers; blocking work runs on workers of its own.
#pragma once

#include "base/task_group.h"
#include "cloud_os/backend.h"
#include "cloud_os/client.h"
#include "cloud_os/descriptor.h"
#include "cloud_os/numbers.h"
#include "cloud_os/sandbox.h"
#include "cloud_os/settings.h"
#include "cloud_os/state.h"
#include "net/client.h"
#include "store/idempotency_keys.h"

#include <boost/asio/thread_pool.hpp>

namespace isa::cloud_os {

class Service final : public VmClient {
 public:
  // `backend` comes from probe(). `brokerage` lives on the same event loop and outlives the service.
  Service(asio::any_io_executor executor, std::filesystem::path data_dir, const Settings& settings,
          std::unique_ptr<Backend> backend, Brokerage& brokerage);
  ~Service() override;

  // Reconciles with what a former process left. conflict when another process serves this data folder.
  Task<Result<void>> start();
  // Stops serving; the sandboxes run on, for the next start(). Await it (or stop_all) before destruction.
  Task<void> stop();
  // Removes every sandbox, then stops. Errors of several sandboxes are one error.
  Task<Result<void>> stop_all();

  Task<Result<Vm>> create(VmCreate spec, Deadline deadline) override;
  Task<Result<Vm>> start(SandboxId id, Deadline deadline) override;
  Task<Result<Vm>> stop(SandboxId id) override;
  Task<Result<void>> remove(SandboxId id) override;
  Task<Result<Vm>> find(SandboxId id) override;
  Task<Result<std::vector<Vm>>> list(std::map<std::string, std::string> labels) override;
  Task<Result<Vm>> pause(SandboxId id) override;
  Task<Result<Vm>> resume(SandboxId id) override;
  Task<Result<VmStats>> stats(SandboxId id) override;
  Task<Result<Vm>> renew(SandboxId id, VmRenew wanted) override;
  Task<Result<void>> bind(SandboxId id, VmBinding binding) override;
  Task<Result<void>> allow(SandboxId id, VmAllowance allowance) override;
  Task<Result<VmModelUse>> settle(SandboxId id, RunId run) override;

  // Like create(), of a sandbox with that id; but it comes to be whether or not the caller waits for it, and
  // whoever asks for it by made() gets the same one, or the error that it ended with.
  Task<Result<Vm>> create_once(SandboxId id, VmCreate spec);
  // What create_once(id) makes or made; not_found when there is nothing of it, also after a restart.
  Task<Result<Vm>> made(SandboxId id);
  // Returns when it has that status, when it cannot get it any more, or at the deadline.
  Task<Result<Vm>> wait_for(SandboxId id, VmStatus wanted, Deadline deadline);
  // Hands a request to the sandbox's runtime (sdk/exec_protocol.h, sdk/files_protocol.h): its target is the
  // runtime's. conflict when the sandbox is paused or does not run.
  Task<Result<net::Response>> control(SandboxId id, net::Request request);
  // Whether it is theirs: by their name on it, or by the lease that it is bound to.
  bool may_see(const Identity& who, const SandboxId& id) const;

  // The end of what the sandbox wrote to its standard outputs.
  Task<Result<std::string>> logs(SandboxId id);
  // Of its broker, since this process serves it.
  Result<BrokerCounters> counters(const SandboxId& id) const;
  // Its allow-list now: what it was created with and what it is bound to.
  Result<std::vector<std::string>> allowed_hosts(const SandboxId& id) const;
  const Backend& backend() const { return *backend_; }
  Brokerage& brokerage() { return brokerage_; }
  store::IdempotencyKeys& idempotency_keys() { return keys_; }
  void report_to(net::Metrics& metrics) { numbers_.report_to(metrics, backend_->name()); }

 private:
  class DiscardUnlessKept;

  // service.cpp
  Result<SandboxPtr> known(const SandboxId& id) const;
  // After a restart: once it was found out what became of it.
  Task<Result<SandboxPtr>> settled(SandboxId id);

  // creation.cpp
  Result<void> admit(const VmCreate& spec) const;
  SandboxPtr enter(SandboxId id, VmCreate spec);
  void note_backend(Vm& vm) const;
  std::int64_t free_slot() const;
  Task<void> bring_up(SandboxPtr sandbox, Deadline deadline);
  Task<void> make(SandboxPtr sandbox);

  // control.cpp
  static Result<void> must_be_usable(const Sandbox& sandbox);

  // limits.cpp
  void keep_count(const SandboxPtr& sandbox);
  Task<void> keep_allotment(SandboxPtr sandbox);

  // pause.cpp
  Result<void> must_be_able_to_pause() const;

  // lifecycle.cpp: the caller holds the sandbox's turn.
  Task<Result<void>> launch(SandboxPtr sandbox, Deadline deadline);
  Task<Result<void>> open_broker(SandboxPtr sandbox);
  Task<Result<void>> await_health(SandboxPtr sandbox, Deadline deadline);
  Task<Result<void>> await_port(SandboxPtr sandbox, Deadline deadline);
  Task<Error> why_not_ready(SandboxPtr sandbox, Error failure);
  Task<Result<void>> persist(SandboxPtr sandbox);
  Task<Result<void>> take_step(SandboxPtr sandbox, VmStep step);
  Task<Result<void>> halt(SandboxPtr sandbox);
  Task<Result<void>> destroy(SandboxPtr sandbox);
  Task<void> close_broker(SandboxPtr sandbox);
  // Without it.
  Task<void> watch(SandboxPtr sandbox, ProcessId supervisor);
  Task<void> discard(SandboxPtr sandbox);

  // deadlines.cpp
  static std::optional<std::string_view> why_due(const Sandbox& sandbox);
  Task<void> sweep();
  Task<void> watch_disks();
  void note_use(Sandbox& sandbox) const;
  Task<void> end_overdue(SandboxPtr sandbox);
  Task<void> keep_use(SandboxPtr sandbox);
  Task<void> watch_disk(SandboxPtr sandbox);
  Task<void> stop_over_limit(SandboxPtr sandbox);

  // adoption.cpp
  Result<void> take_ownership();
  Result<std::vector<Record>> take_stock() const;
  Task<void> adopt(SandboxPtr sandbox);
  Task<bool> find_again(SandboxPtr sandbox);
  Task<void> look_again(SandboxPtr sandbox);
  Task<void> settle_lost(SandboxPtr sandbox);
  Task<void> remove_leftovers();

  asio::any_io_executor executor_;
  std::filesystem::path folder_;  // <data>/sandboxes
  std::unique_ptr<Backend> backend_;
  Brokerage& brokerage_;
  store::IdempotencyKeys keys_;
  net::Client client_;
  asio::thread_pool workers_;
  Semaphore creating_;
  Numbers numbers_;
  std::map<SandboxId, SandboxPtr> sandboxes_;
  Descriptor lock_;  // Held as long as this process serves the folder.
  bool is_stopping_ = false;
  std::chrono::milliseconds orphan_grace_;
  TaskGroup tasks_;
};

}  // namespace isa::cloud_os
