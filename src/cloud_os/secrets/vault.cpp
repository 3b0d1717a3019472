#include "cloud_os/secrets/vault.h"

#include "base/log.h"

#include <sodium.h>

namespace isa::cloud_os {
namespace {

Result<void> may_change(const Identity& who, const std::optional<OrgId>& org) {
  if (!org || who.is_internal || who.administers(*org)) return ok();
  if (!who.belongs_to(*org)) return not_found("the organization {} does not exist", org->value());
  return insufficient_permissions("only an owner or an admin of {} changes its secrets", org->value());
}

}  // namespace

Task<Result<store::Secret>> SecretVault::set(Identity who, std::string name, SecretDefinition definition) {
  auto checked = check_secret(name, definition);
  if (checked) checked = may_change(who, definition.org_id);
  store::SealedSecret sealed;
  if (checked) sealed.sealed = key_.seal(definition.value);
  sodium_memzero(definition.value.data(), definition.value.size());
  ISA_CO_TRYV(std::move(checked));
  auto& secret = sealed.secret;
  secret.id = store::SecretId::make();
  secret.name = std::move(name);
  secret.owner_id = who.user;
  secret.org_id = std::move(definition.org_id);
  secret.kind = definition.header ? store::SecretKind::header : store::SecretKind::placeholder;
  secret.hosts = std::move(definition.hosts);
  secret.header = std::move(definition.header);
  secret.env = std::move(definition.env);
  secret.methods = std::move(definition.methods);
  secret.path_prefix = std::move(definition.path_prefix);
  secret.created_at = secret.updated_at = now();
  ISA_CO_TRY(auto stored, co_await store_.put(std::move(sealed)));
  ++version_;
  log::info("secret.set",
            {{"secret_id", stored.id.value()}, {"name", stored.name}, {"user_id", who.user.value()}});
  co_return stored;
}

Task<Result<std::vector<store::Secret>>> SecretVault::list(Identity who, std::optional<OrgId> org) {
  if (org && !who.is_internal && !who.belongs_to(*org))
    co_return not_found("the organization {} does not exist", org->value());
  ISA_CO_TRY(auto found, co_await store_.list(who.user, org));
  std::vector<store::Secret> secrets;
  for (auto& one : found)
    if (one.secret.org_id == org) secrets.push_back(std::move(one.secret));
  co_return secrets;
}

Task<Result<void>> SecretVault::remove(Identity who, std::optional<OrgId> org, std::string name) {
  ISA_CO_TRYV(may_change(who, org));
  ISA_CO_TRYV(co_await store_.remove(who.user, org, name));
  ++version_;
  log::info("secret.removed", {{"name", name}, {"user_id", who.user.value()}});
  co_return ok();
}

Task<Result<std::vector<store::SealedSecret>>> SecretVault::usable(UserId user, std::optional<OrgId> org) {
  co_return co_await store_.list(std::move(user), std::move(org));
}

std::string SecretVault::placeholder(const SandboxId& sandbox, const store::Secret& secret) const {
  return "isa-placeholder-" + key_.derive(fmt::format("{} {}", sandbox.value(), secret.id.value()));
}

Task<void> SecretVault::flush_uses() {
  if (used_.empty()) co_return;
  const auto used = std::exchange(used_, {});
  const auto marked = co_await store_.mark_used({used.begin(), used.end()}, now());
  if (!marked) log::warn("secret.use_not_noted", {{"message", marked.error().message()}});
}

}  // namespace isa::cloud_os
