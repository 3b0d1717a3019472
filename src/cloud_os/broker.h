// The credential broker of one sandbox: its only way out.
//
// The identity of a request is the channel that it came through. What the sandbox writes into a request, be
// it a credential or a claim of who it is, is dropped before anybody outside sees it. An unbound sandbox gets
// 403, whatever it asks for. A bound one reaches the model service's /v1/ paths, as of a proxy the hosts of
// its allow-list (egress/egress.h), POST /web/search and /web/fetch for its web tools (web/broker_web.h), GET
// /environment, which says what variables it needs for all that, and nothing else.
//
// It also holds the limits of the run that is on in the sandbox (allowance.h): every call of a model comes by
// here, the agent's own and those of programs, and nobody inside can go around it. Under a limit only a few
// are under way at once, which bounds by how much a limit can be passed, and one whose caller leaves before
// its answer is not cut off, because nobody would know what it used.
#pragma once

#include "base/task_group.h"
#include "cloud_os/brokerage.h"
#include "cloud_os/descriptor.h"
#include "cloud_os/model_meter.h"
#include "cloud_os/vm.h"
#include "cloud_os/web/broker_web.h"
#include "net/server.h"

namespace isa::cloud_os {

struct BrokerCounters {
  using json_defaults = void;
  std::int64_t requests = 0;  // Let through or not.
  std::int64_t refused = 0;
  std::int64_t bytes_out = 0;  // From the sandbox.
  std::int64_t bytes_in = 0;
  std::int64_t input_tokens = 0;  // Of models, where their answers say them.
  std::int64_t output_tokens = 0;
  std::int64_t tunnels_open = 0;
};
BOOST_DESCRIBE_STRUCT(BrokerCounters, (),
                      (requests, refused, bytes_out, bytes_in, input_tokens, output_tokens, tunnels_open))

// Lives on one event loop, which is the brokerage's too. Await stop() before it is destroyed.
class Broker {
 public:
  // `floor`: what is allowed whoever it is bound to.
  Broker(asio::any_io_executor executor, SandboxId sandbox, EgressRules floor, Brokerage& brokerage);
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;
  ~Broker();

  // Serves the sandbox's end of the channel (unix_listener.h).
  Result<void> serve(Descriptor listener);
  Task<void> stop();

  // Whom the sandbox speaks for from now on; whether it may change is the service's to know. With another
  // allow-list: tunnels that it does not hold are closed. A rule that is none is left out and logged.
  void bind(VmBinding binding);
  const std::optional<VmBinding>& binding() const { return binding_; }
  // What its calls of models have used, and may.
  Tally& tally() { return tally_; }
  // Called when a call that counts towards a limit has ended: what there is to keep has changed.
  void on_counted(std::function<void()> tell) { on_counted_ = std::move(tell); }
  BrokerCounters counters() const;
  const EgressRules& allowed() const { return egress_.rules(); }

 private:
  net::Router routes();
  net::ServerOptions server_options();
  Task<Result<net::Response>> answer(net::Request& request);
  Task<Result<net::Response>> ask_model(net::Request& request);
  Task<net::Response> call_model(net::Request request, Identity identity, ModelCall call);
  Task<Result<net::Response>> uncut(Task<net::Response> call);
  void counted(ModelCall& call);
  Task<Result<net::Response>> environment();
  Task<Result<net::Response>> forward(net::Request& request);
  Task<Result<net::Takeover>> connect(net::Request& request);
  Error unbound(store::AuditKind kind, const net::Request& request);
  Error refused(store::AuditKind kind, const net::Request& request, Error error);
  void report(store::SandboxAuditEntry entry);

  SandboxId sandbox_;
  Brokerage& brokerage_;
  EgressRules floor_;
  std::optional<VmBinding> binding_;
  BrokerCounters counters_;
  Tally tally_;
  Semaphore limited_calls_;
  std::function<void()> on_counted_;
  Credentials credentials_;
  Egress egress_;
  BrokerWeb web_;
  net::Server server_;
  TaskGroup calls_;
};

}  // namespace isa::cloud_os
