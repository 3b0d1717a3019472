#pragma once

#include "cloud_os/client.h"
#include "net/client.h"

namespace isa::cloud_os {

// cloud_os in another process, over its own routes. Lives on the event loop of `client`, which must outlive
// it.
class HttpVmClient final : public VmClient {
 public:
  // `base`: where cloud_os serves. `internal_secret`: by which the roles of the platform know each other.
  HttpVmClient(net::Client& client, net::Url base, std::string internal_secret);

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

 private:
  net::ClientRequest request_to(net::Method method, std::string_view rest) const;
  // The body of a 2xx; else the error that cloud_os answered with.
  Task<Result<std::string>> call(net::ClientRequest request, Deadline deadline);
  Task<Result<Vm>> call_for_vm(net::ClientRequest request, Deadline deadline);

  net::Client& client_;
  net::Url base_;
  net::Headers credentials_;
};

}  // namespace isa::cloud_os
