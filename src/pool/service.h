// The pool manager.
#pragma once

#include "pool/client.h"
#include "pool/heartbeat.h"
#include "pool/pool.h"

#include <map>
#include <memory>

namespace isa::net {
struct Health;
}

namespace isa::pool {

struct ServiceOptions {
  Clock clock = isa::now;
  net::Metrics* metrics = nullptr;  // Null: numbers that nobody reads.
  std::string version;              // Of the program: warm sandboxes of another are replaced.
};

// The pool `agent`, and one pool `custom_agent` for each deployment that configure() made known. Lives on one
// event loop; all methods run on it, and what stream() returns is read on it and destroyed before the
// service. A type that there is not is not_found.
class Service : public PoolClient {
 public:
  Service(asio::any_io_executor executor, Settings settings, store::PoolStore& store, cloud_os::VmClient& vms,
          ServiceOptions options = {});

  // Adopts what survived, then returns: the pools fill in the background, and requests are served from now
  // on.
  Task<void> start();
  // Removes warm instances, unless other pool managers of the same store go on with them, and keeps leased
  // ones (conversations survive a restart) unless remove_leased.
  Task<void> stop(bool remove_leased);
  // Takes no new sessions and waits until those that are there have ended, or the deadline: whether they
  // have.
  Task<bool> drain(Deadline deadline);
  // Returns once every pool holds its warm target, or at the deadline: whether they do.
  Task<bool> wait_until_filled(Deadline deadline);
  Task<net::Health> health();

  Task<Result<Acquired>> acquire(std::string pool_type, AcquireRequest request) override;
  Task<Result<net::OpenResponse>> stream(std::string pool_type, InstanceId id, std::int64_t fencing_token,
                                         sdk::RuntimeChat chat) override;
  Task<Result<cloud_os::VmModelUse>> settle(std::string pool_type, InstanceId id, std::int64_t fencing_token,
                                            RunId run) override;
  Task<Result<LeaseInfo>> renew(std::string pool_type, InstanceId id, std::int64_t fencing_token) override;
  Task<Result<void>> release(std::string pool_type, InstanceId id,
                             std::optional<std::int64_t> fencing_token) override;
  Task<Result<PoolStats>> stats(std::string pool_type) override;
  Task<Result<void>> configure(std::string deployment_id, Deployment deployment) override;
  Task<Result<void>> remove_deployment(std::string deployment_id) override;

  // An operator's word, kept in the store: every pool of the type (or of one deployment) takes no new
  // sessions and removes its warm instances, here and at the other pool managers.
  Task<Result<void>> set_draining(std::string pool_type, bool is_draining);
  Task<Result<std::map<std::string, Deployment>>> deployments();
  // Brings the pools in line with what the store says about them.
  Task<Result<void>> follow_configs();

  // The pool by its name in the store.
  Result<Pool*> pool(std::string_view name);
  std::vector<Pool*> pools_of(std::string_view pool_type) const;
  // The pool that the instance belongs to; null when no pool of this type knows it.
  Task<Result<Pool*>> pool_with(std::string pool_type, InstanceId id);

 private:
  Meters& meters_for(const std::string& pool_type);
  Task<void> open(Shape shape, bool is_draining);
  static Task<void> keep_following(Service& self);
  void retire(const std::string& name);
  static Task<void> retire_when_empty(Service& self, std::string name);
  Error unknown(std::string_view pool_type) const;

  Settings settings_;
  store::PoolStore& store_;
  std::string version_;
  std::unique_ptr<net::Metrics> own_metrics_;
  net::Metrics& metrics_;
  Pool::Parts parts_;
  Heartbeat heartbeat_;
  std::map<std::string, Meters> meters_;
  std::map<std::string, std::unique_ptr<Pool>, std::less<>> pools_;
  std::set<std::string> retiring_;
  bool is_stopping_ = false;
  TaskGroup tasks_;
};

}  // namespace isa::pool
