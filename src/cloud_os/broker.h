// The credential broker of one sandbox: its only way out.
//
// The identity of a request is the channel that it came through. What the sandbox writes into a request, be
// it a credential or a claim of who it is, is dropped before anybody outside sees it. An unbound sandbox gets
// 403, whatever it asks for; a bound one reaches the model service's /v1/ paths and nothing else.
#pragma once

#include "cloud_os/descriptor.h"
#include "cloud_os/vm.h"
#include "model/client.h"
#include "net/server.h"

namespace isa::cloud_os {

struct BrokerCounters {
  std::int64_t requests = 0;
  std::int64_t refused = 0;
};

// Lives on one event loop, which is the model client's too. Await stop() before it is destroyed.
class Broker {
 public:
  Broker(asio::any_io_executor executor, SandboxId sandbox, model::ModelClient& models);
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  // Serves the sandbox's end of the channel (unix_listener.h).
  Result<void> serve(Descriptor listener);
  Task<void> stop() { return server_.stop(); }

  // Whom the sandbox speaks for from now on; whether it may change is the service's to know.
  void bind(VmBinding binding) { binding_ = std::move(binding); }
  const std::optional<VmBinding>& binding() const { return binding_; }
  const BrokerCounters& counters() const { return counters_; }

 private:
  net::Router routes();
  Task<Result<net::Response>> forward(net::Request& request);
  Error refused(const net::Request& request, std::string_view why, Error error);

  SandboxId sandbox_;
  model::ModelClient& models_;
  std::optional<VmBinding> binding_;
  BrokerCounters counters_;
  net::Server server_;
};

}  // namespace isa::cloud_os
