// The way out of one sandbox, by allow-list: an HTTP proxy that its broker serves.
//
// A decision is made by name alone, and every name that plays a part must agree: what CONNECT or the URL asks
// for, Host, and the one in a TLS client's first message. The name is looked up outside, and the address that
// was checked is the one that is connected to. A changed allow-list holds at once, for open tunnels too.
// Nothing is followed: a redirect is the sandbox's to ask for anew. What is not TLS is parsed and written
// anew, so that no two servers read it differently.
#pragma once

#include "cloud_os/egress/destinations.h"
#include "cloud_os/egress/proxy_request.h"
#include "cloud_os/egress/tunnel.h"
#include "cloud_os/secrets/credentials.h"
#include "cloud_os/semaphore.h"
#include "net/exchange.h"
#include "net/server.h"
#include "store/sandbox_audit.h"

#include <list>

namespace isa::cloud_os {

inline constexpr std::string_view kAnswerCut = "answer_cut";

struct EgressLimits {
  TunnelLimits tunnel;
  std::size_t tunnels_max = 128;
  std::chrono::milliseconds connect{10'000};
  std::chrono::milliseconds silence{300'000};  // Of a server in the middle of a plain answer.
};

// How the outside is reached. Both outlive whoever holds this.
struct Outside {
  Destinations* destinations = nullptr;
  net::TlsConnector* tls = nullptr;
};

// Lives on one event loop, and longer than every takeover and response that it gave.
class Egress {
 public:
  // Called for everything that was let through or refused; kind, verdict, target, rule, secret, reason and
  // bytes are set.
  using Report = std::function<void(store::SandboxAuditEntry)>;

  Egress(asio::any_io_executor executor, Outside outside, Credentials& credentials, EgressLimits limits,
         Report report);

  void allow(EgressRules rules);
  const EgressRules& rules() const { return rules_; }
  std::size_t open_tunnels() const { return tunnels_.size(); }

  // Errors: invalid_request, insufficient_permissions, and what connecting gave.
  Task<Result<net::Takeover>> open_tunnel(net::Request& request);
  // An https:// URL, and any URL of a host that a secret is for, goes by TLS; with the secret where there is
  // one.
  // Where the answer is 401 and the secret can be renewed, that is done, and the request sent once more with
  // what came of it. A larger one (kRepeatedMax) is not: its body is not held twice. A reader of the answer
  // that refuses more with the code kAnswerCut has read what it wanted.
  Task<Result<net::Response>> forward(net::Request& request);

 private:
  Task<Result<net::Socket>> reach(EgressTarget target, Deadline deadline);
  Task<Result<Injection>> prepare(net::Request& request, PlainTarget& target);
  Task<Result<net::OpenResponse>> exchange(net::Request& request, PlainTarget& target, Injection& injection,
                                           net::Headers original);
  Task<Result<net::OpenResponse>> send(net::Request& request, PlainTarget target, bool use_tls);
  Result<void> check(const EgressTarget& target) const;
  std::string rule_of(const EgressTarget& target) const;
  net::Takeover takeover_by(EgressTarget target, std::string rule, std::unique_ptr<net::Stream> outside);
  Error refused(store::SandboxAuditEntry entry, Error error);

  Outside outside_;
  Credentials& credentials_;
  EgressLimits limits_;
  Report report_;
  EgressRules rules_;
  Semaphore lookups_;
  std::list<std::weak_ptr<Tunnel>> tunnels_;
};

}  // namespace isa::cloud_os
