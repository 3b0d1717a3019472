// Renews the access tokens of secrets that say how (`oauth` of PUT /api/v1/secrets/{name}), outside of
// sandboxes.
//
// Of one secret one renewal is under way at a time, and goes on to its end whoever stops waiting for it: a
// refresh token that was used is often worth nothing any more, so what came for it must be kept. It is kept
// before anybody may use it. What failed is not tried again by every request: after a passing failure there
// is a rest that grows, and what the authorization server refuses for good is not asked again until the
// secret is set anew. Each attempt is an entry of the audit trail.
#pragma once

#include "base/signal.h"
#include "base/task_group.h"
#include "cloud_os/secrets/token_fetch.h"
#include "cloud_os/secrets/vault.h"
#include "store/sandbox_audit.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>

namespace isa::cloud_os {

struct RenewalLimits {
  std::chrono::milliseconds patience{15'000};         // With one answer.
  std::chrono::milliseconds margin{60'000};           // Before the end of a token.
  std::size_t refused_max = 3;                        // Renewals for tokens that were refused early,
  std::chrono::milliseconds refused_within{180'000};  // in this time.
  std::chrono::milliseconds rest{5'000};              // After the first failure; doubles up to
  std::chrono::milliseconds rest_max{300'000};
  std::chrono::milliseconds farewell{5'000};  // Of stop(), for renewals that are under way.
};

// Lives on one event loop. Await stop() before it is destroyed.
class TokenRenewer {
 public:
  using Report = std::function<void(store::SandboxAuditEntry)>;

  TokenRenewer(asio::any_io_executor executor, SecretVault& vault, Destinations& destinations,
               net::TlsConnector& tls, Report report);
  void limit(RenewalLimits limits) { limits_ = limits; }

  // Whether a request must not go out with the token of now.
  bool is_due(const store::Secret& secret) const;

  // Gets a new token when it is due, or when the one of the revision `rejected` was refused somewhere and
  // still is the one of now. True when the token is another one than that. `who` asked, for the audit trail.
  // Errors: with code oauth_renewal_failed, insufficient_permissions where somebody must do something and
  // upstream_error where time may help.
  Task<Result<bool>> renew(store::SecretId id, std::optional<std::int64_t> rejected,
                           store::SandboxAuditEntry who);

  Task<void> stop();

 private:
  struct Job;
  class Ending;
  struct Rest {
    std::int64_t revision = 0;
    Deadline::Clock::time_point until;
    int failures = 0;
    Error error;
  };
  struct Memory {
    std::shared_ptr<Job> job;
    std::optional<Rest> rest;
    std::deque<Deadline::Clock::time_point> refused_at;  // Of renewals for tokens that were refused early.
    std::optional<store::SealedSecret> unkept;           // A renewed one that the store did not take.
  };

  Task<void> run(store::SecretId id, std::shared_ptr<Job> job, store::SandboxAuditEntry who);
  Task<Result<bool>> attempt(store::SecretId id, std::shared_ptr<Job> job, store::SandboxAuditEntry who);
  Task<Result<store::SealedSecret>> ask(const store::SealedSecret& secret);
  Task<Result<bool>> keep(store::SealedSecret renewed, store::SandboxAuditEntry who);
  Task<Error> fail(store::SealedSecret secret, Error why, store::SandboxAuditEntry who);
  std::optional<Error> resting(const Memory& memory, const store::SealedSecret& secret) const;
  bool admit_refused(Memory& memory) const;
  void forget_idle();

  SecretVault& vault_;
  TokenFetch fetch_;
  Report report_;
  RenewalLimits limits_;
  std::map<store::SecretId, Memory> memories_;
  TaskGroup tasks_;
};

}  // namespace isa::cloud_os
