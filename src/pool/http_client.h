#pragma once

#include "pool/client.h"

namespace isa::pool {

// The pool manager in another process, over its own routes. Lives on the event loop of `client`, which must
// outlive it and every stream that it returned.
class HttpPoolClient : public PoolClient {
 public:
  // `base`: where the pool manager serves. `credentials`: headers that make the caller a role of the
  // platform.
  HttpPoolClient(net::Client& client, net::Url base, net::Headers credentials);

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

 private:
  net::ClientRequest request_to(std::string_view pool_type, std::string_view rest) const;
  net::ClientRequest post_to(std::string_view pool_type, std::string_view rest,
                             const json::value& body) const;
  // The body of a 200; else the error that the pool manager answered with.
  Task<Result<std::string>> call(net::ClientRequest request, Deadline deadline);

  net::Client& client_;
  net::Url base_;
  net::Headers credentials_;
};

}  // namespace isa::pool
