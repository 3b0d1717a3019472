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
#include "cloud_os/sandbox.h"
#include "cloud_os/settings.h"
#include "cloud_os/state.h"
#include "net/client.h"

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
  Task<Result<void>> bind(SandboxId id, VmBinding binding) override;

  // The end of what the sandbox wrote to its standard outputs.
  Task<Result<std::string>> logs(SandboxId id);
  // Of its broker, since this process serves it.
  Result<BrokerCounters> counters(const SandboxId& id) const;
  // Its allow-list now: what it was created with and what it is bound to.
  Result<std::vector<std::string>> allowed_hosts(const SandboxId& id) const;
  const Backend& backend() const { return *backend_; }
  Brokerage& brokerage() { return brokerage_; }

 private:
  struct Found {
    SandboxDir dir;
    Result<Record> record;
  };
  struct Findings {
    std::vector<Found> folders;
    std::vector<Alive> alive;
  };
  class DiscardUnlessKept;

  // service.cpp
  Result<SandboxPtr> known(const SandboxId& id) const;
  SandboxPtr enter(VmCreate spec);
  std::int64_t free_slot() const;

  // lifecycle.cpp: the caller holds the sandbox's turn.
  Task<Result<void>> launch(SandboxPtr sandbox, Deadline deadline);
  Task<Result<void>> open_broker(SandboxPtr sandbox);
  Task<Result<void>> await_health(SandboxPtr sandbox, Deadline deadline);
  Task<Error> why_not_ready(SandboxPtr sandbox, Error failure);
  Task<Result<void>> persist(SandboxPtr sandbox);
  Task<Result<void>> take_step(SandboxPtr sandbox, VmStep step);
  Task<Result<void>> halt(SandboxPtr sandbox);
  Task<Result<void>> destroy(SandboxPtr sandbox);
  Task<void> close_broker(SandboxPtr sandbox);
  // Without it.
  Task<void> watch(SandboxPtr sandbox, ProcessId supervisor);
  Task<void> discard(SandboxPtr sandbox);

  // adoption.cpp
  Result<void> take_ownership();
  Result<Findings> look_around();
  Task<void> adopt(SandboxDir dir, Record record);
  Task<void> settle_lost(SandboxPtr sandbox);
  Task<void> remove_unknown(SandboxDir dir);
  Task<void> sweep();

  asio::any_io_executor executor_;
  std::filesystem::path folder_;  // <data>/sandboxes
  std::unique_ptr<Backend> backend_;
  Brokerage& brokerage_;
  net::Client client_;
  asio::thread_pool workers_;
  Semaphore creating_;
  std::map<SandboxId, SandboxPtr> sandboxes_;
  Descriptor lock_;  // Held as long as this process serves the folder.
  bool is_stopping_ = false;
  TaskGroup tasks_;
};

}  // namespace isa::cloud_os
