// The secrets of users and organizations: set and listed by them, used by brokers. Values go in and never
// come back out but into a request.
#pragma once

#include "cloud_os/secrets/definition.h"
#include "cloud_os/secrets/key.h"

#include <set>

namespace isa::cloud_os {

// Lives on one event loop.
class SecretVault {
 public:
  SecretVault(store::SecretStore& store, SecretsKey key) : store_(store), key_(std::move(key)) {}

  // Only an admin of an organization sets or removes its secrets; insufficient_permissions.
  Task<Result<store::Secret>> set(Identity who, std::string name, SecretDefinition definition);
  Task<Result<std::vector<store::Secret>>> list(Identity who, std::optional<OrgId> org);
  Task<Result<void>> remove(Identity who, std::optional<OrgId> org, std::string name);

  // For brokers: everything that a sandbox of that user and organization may use.
  Task<Result<std::vector<store::SealedSecret>>> usable(UserId user, std::optional<OrgId> org);
  // Of one that is renewed: its access token, empty when there is none yet.
  Result<Confidential> open(const store::SealedSecret& secret) const;
  // What stands for a secret inside of one sandbox; the same for as long as both exist.
  std::string placeholder(const SandboxId& sandbox, const store::Secret& secret) const;
  // Grows with every change, so that whoever remembers secrets knows when to ask again.
  std::uint64_t version() const { return version_; }

  // For the renewer. renew() and note_failure() as SecretStore has them.
  Task<Result<store::SealedSecret>> find(store::SecretId id) { return store_.find(std::move(id)); }
  Result<TokenMaterial> material(const store::SealedSecret& secret) const;
  std::string seal(const TokenMaterial& material) const;
  Task<Result<void>> renew(store::SealedSecret secret);
  Task<void> note_failure(store::SealedSecret secret, store::RenewalFailure failure);

  void note_use(const store::SecretId& id) { used_.insert(id); }
  Task<void> flush_uses();

 private:
  std::string seal(const SecretDefinition& definition) const;

  store::SecretStore& store_;
  SecretsKey key_;
  std::uint64_t version_ = 1;
  std::set<store::SecretId> used_;
};

}  // namespace isa::cloud_os
