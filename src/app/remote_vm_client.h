#pragma once

#include "cloud_os/client.h"
#include "net/event_loop.h"

namespace isa::app {

// cloud_os lives on another event loop of this process: every call hops there and back, and nothing is
// shared.
class RemoteVmClient final : public cloud_os::VmClient {
 public:
  RemoteVmClient(asio::any_io_executor loop, cloud_os::VmClient& inner)
      : loop_(std::move(loop)), inner_(inner) {}

  Task<Result<cloud_os::Vm>> create(cloud_os::VmCreate spec, Deadline deadline) override {
    return net::call_on(loop_, inner_.create(std::move(spec), deadline));
  }
  Task<Result<cloud_os::Vm>> start(SandboxId id, Deadline deadline) override {
    return net::call_on(loop_, inner_.start(std::move(id), deadline));
  }
  Task<Result<cloud_os::Vm>> stop(SandboxId id) override {
    return net::call_on(loop_, inner_.stop(std::move(id)));
  }
  Task<Result<void>> remove(SandboxId id) override {
    return net::call_on(loop_, inner_.remove(std::move(id)));
  }
  Task<Result<cloud_os::Vm>> find(SandboxId id) override {
    return net::call_on(loop_, inner_.find(std::move(id)));
  }
  Task<Result<std::vector<cloud_os::Vm>>> list(std::map<std::string, std::string> labels) override {
    return net::call_on(loop_, inner_.list(std::move(labels)));
  }
  Task<Result<cloud_os::Vm>> pause(SandboxId id) override {
    return net::call_on(loop_, inner_.pause(std::move(id)));
  }
  Task<Result<cloud_os::Vm>> resume(SandboxId id) override {
    return net::call_on(loop_, inner_.resume(std::move(id)));
  }
  Task<Result<cloud_os::VmStats>> stats(SandboxId id) override {
    return net::call_on(loop_, inner_.stats(std::move(id)));
  }
  Task<Result<cloud_os::Vm>> renew(SandboxId id, cloud_os::VmRenew wanted) override {
    return net::call_on(loop_, inner_.renew(std::move(id), std::move(wanted)));
  }
  Task<Result<void>> bind(SandboxId id, cloud_os::VmBinding binding) override {
    return net::call_on(loop_, inner_.bind(std::move(id), std::move(binding)));
  }
  Task<Result<void>> allow(SandboxId id, cloud_os::VmAllowance allowance) override {
    return net::call_on(loop_, inner_.allow(std::move(id), std::move(allowance)));
  }
  Task<Result<cloud_os::VmModelUse>> settle(SandboxId id, RunId run) override {
    return net::call_on(loop_, inner_.settle(std::move(id), std::move(run)));
  }

 private:
  asio::any_io_executor loop_;
  cloud_os::VmClient& inner_;
};

}  // namespace isa::app
