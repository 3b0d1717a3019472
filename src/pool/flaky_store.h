// For tests: one pool manager's view of a store that others share, and that may refuse a step or lose its
// answer.
#pragma once

#include "store/pool_store.h"

#include <functional>

namespace isa::pool::testing {

class FlakyStore final : public store::PoolStore {
 public:
  enum class Fault { none, refused, lost };  // lost: the step was made and nobody hears of it.
  explicit FlakyStore(store::PoolStore& inner) : inner_(inner) {}

  std::function<Fault()> fault = [] { return Fault::none; };

  bool is_shared() const override { return true; }
  Task<Result<bool>> reserve(store::PoolInstance i, store::PoolRoom room) override {
    return pass(inner_.reserve(std::move(i), room));
  }
  Task<Result<store::PoolInstance>> make_ready(InstanceId id, SandboxId s, std::string e,
                                               Timestamp at) override {
    return pass(inner_.make_ready(std::move(id), std::move(s), std::move(e), at));
  }
  Task<Result<store::PoolInstance>> move(InstanceId id, store::InstanceState from, store::InstanceState to,
                                         Timestamp at) override {
    return pass(inner_.move(std::move(id), from, to, at));
  }
  Task<Result<void>> note_probes(std::vector<InstanceId> ids, Timestamp at) override {
    return pass(inner_.note_probes(std::move(ids), at));
  }
  Task<Result<store::PoolInstance>> adopt(InstanceId id, ManagerId from, ManagerId to) override {
    return pass(inner_.adopt(std::move(id), std::move(from), std::move(to)));
  }
  Task<Result<store::PoolInstance>> find(InstanceId id) override { return pass(inner_.find(std::move(id))); }
  Task<Result<std::vector<store::PoolInstance>>> list(std::string pool) override {
    return pass(inner_.list(std::move(pool)));
  }
  Task<Result<store::PoolCounts>> counts(std::string pool, std::string shape) override {
    return pass(inner_.counts(std::move(pool), std::move(shape)));
  }
  Task<Result<void>> remove(InstanceId id) override { return pass(inner_.remove(std::move(id))); }
  Task<Result<std::optional<store::Claimed>>> claim(store::ClaimRequest request) override {
    return pass(inner_.claim(std::move(request)));
  }
  Task<Result<store::Lease>> renew(InstanceId id, std::int64_t token, Timestamp expires_at) override {
    return pass(inner_.renew(std::move(id), token, expires_at));
  }
  Task<Result<store::PoolInstance>> expire(InstanceId id, Timestamp at) override {
    return pass(inner_.expire(std::move(id), at));
  }
  Task<Result<void>> beat(ManagerId manager, Timestamp until) override {
    return pass(inner_.beat(std::move(manager), until));
  }
  Task<Result<void>> leave(ManagerId manager) override { return pass(inner_.leave(std::move(manager))); }
  Task<Result<std::set<ManagerId>>> managers(Timestamp at) override { return pass(inner_.managers(at)); }
  Task<Result<void>> put_config(std::string pool, std::string config) override {
    return pass(inner_.put_config(std::move(pool), std::move(config)));
  }
  Task<Result<void>> remove_config(std::string pool) override {
    return pass(inner_.remove_config(std::move(pool)));
  }
  Task<Result<std::map<std::string, std::string>>> configs() override { return pass(inner_.configs()); }

 private:
  template <class T>
  Task<Result<T>> pass(Task<Result<T>> step) {
    const auto what = fault();
    if (what == Fault::refused) co_return away();
    auto result = co_await std::move(step);
    if (what == Fault::lost) co_return away();
    co_return result;
  }
  static Error away() {
    return service_unavailable("the store is away, as the test wants it")
        .with_code("store_unavailable")
        .with_retry_after(std::chrono::seconds(1));
  }

  store::PoolStore& inner_;
};

}  // namespace isa::pool::testing
