// The secrets of one sandbox, at the moment when a request passes its broker.
//
// Of the rules that match a request by host, method and path exactly one may apply; several, or none where
// the host has rules that add a header, are a refusal that names them. A placeholder that a request holds for
// another host, or outside of its rule, is a refusal too: whoever sends it there means to send the secret.
#pragma once

#include "cloud_os/egress/proxy_request.h"
#include "cloud_os/secrets/redactor.h"
#include "cloud_os/secrets/vault.h"
#include "cloud_os/vm.h"
#include "store/sandbox_audit.h"

#include <map>

namespace isa::cloud_os {

class TokenRenewer;

struct Injection {
  // Of a secret that can be renewed, when one was put into the request.
  struct Renewable {
    store::SecretId id;
    std::int64_t revision = 0;
  };

  bool use_tls = false;               // Outside; a secret never travels in the clear.
  std::optional<std::string> secret;  // Its name, when one was put into the request.
  Redactor redactor;
  std::optional<Renewable> renewable;
};

// Lives on one event loop.
class Credentials {
 public:
  Credentials(SandboxId sandbox, SecretVault& vault, TokenRenewer& renewer)
      : sandbox_(std::move(sandbox)), vault_(vault), renewer_(renewer) {}

  void bind(const VmBinding& binding);
  // Reads what has changed since the last time. Until it succeeds nothing goes out.
  Task<Result<void>> refresh();

  // Some rule is for that host. Its plain port means its TLS port then.
  bool concern(const EgressTarget& target) const;
  // Gets a new token where the one for this request ends soon. Errors: those of inject() and of TokenRenewer,
  // the latter only where there is no token that may still be used.
  Task<Result<void>> renew_due(const net::Request& request, const PlainTarget& target);
  // The token that `injection` put in was refused (401). True when there is another one to try.
  Task<Result<bool>> renew_refused(Injection::Renewable refused);
  // Changes the request's headers. Errors: insufficient_permissions with codes secret_ambiguous,
  // secret_not_applicable, placeholder_elsewhere.
  Result<Injection> inject(net::Request& request, const PlainTarget& target);
  // The variables that hold placeholders.
  std::map<std::string, std::string> placeholders() const;

 private:
  struct Rule {
    store::SealedSecret sealed;
    std::vector<net::HostPattern> hosts;
    std::string placeholder;  // Of kind placeholder.

    bool is_for(const EgressTarget& target) const;
    bool matches(const net::Request& request, const PlainTarget& target) const;
  };

  Result<const Rule*> choose(const net::Request& request, const PlainTarget& target) const;
  Result<Injection> put_in(const Rule& rule, net::Request& request) const;

  SandboxId sandbox_;
  SecretVault& vault_;
  TokenRenewer& renewer_;
  std::optional<UserId> user_;
  std::optional<OrgId> org_;
  store::SandboxAuditEntry who_;  // For the audit trail.
  std::uint64_t version_ = 0;     // Of the vault when rules_ were read.
  std::vector<Rule> rules_;
};

}  // namespace isa::cloud_os
