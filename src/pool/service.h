// The pool manager.
#pragma once

#include "pool/client.h"
#include "pool/pool.h"

#include <map>
#include <memory>

namespace isa::pool {

// Every pool that the settings define, by type. Lives on one event loop; all methods run on it, and what
// stream() returns is read on it and destroyed before the service. A type that is not configured is
// not_found; `custom_agent` is known but not configured yet and is not_implemented.
class Service : public PoolClient {
 public:
  Service(asio::any_io_executor executor, Settings settings, store::PoolStore& store, cloud_os::VmClient& vms,
          Clock clock = isa::now);

  // Adopts what survived, then returns: the pools fill in the background, and requests are served from now
  // on.
  Task<void> start();
  // Removes warm instances and keeps leased ones (conversations survive a restart) unless remove_leased.
  Task<void> stop(bool remove_leased);
  // Returns once every pool holds its warm target, or at the deadline: whether they do.
  Task<bool> wait_until_filled(Deadline deadline);

  Task<Result<Acquired>> acquire(std::string pool_type, AcquireRequest request) override;
  Task<Result<net::OpenResponse>> stream(std::string pool_type, InstanceId id, std::int64_t fencing_token,
                                         sdk::RuntimeChat chat) override;
  Task<Result<LeaseInfo>> renew(std::string pool_type, InstanceId id, std::int64_t fencing_token) override;
  Task<Result<void>> release(std::string pool_type, InstanceId id,
                             std::optional<std::int64_t> fencing_token) override;
  Task<Result<PoolStats>> stats(std::string pool_type) override;

  // For the routes and for tests.
  Result<Pool*> pool(std::string_view pool_type);

 private:
  std::map<std::string, std::unique_ptr<Pool>, std::less<>> pools_;
};

}  // namespace isa::pool
