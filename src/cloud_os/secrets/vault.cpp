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

void wipe(std::optional<std::string>& text) {
  if (text) sodium_memzero(text->data(), text->size());
}

}  // namespace

// What is sealed of a definition that was checked.
std::string SecretVault::seal(const SecretDefinition& definition) const {
  const auto& oauth = definition.oauth;
  if (!oauth) return key_.seal(*definition.value);
  return seal(TokenMaterial{definition.value.value_or(""), oauth->refresh_token.value_or(""),
                            oauth->client_secret.value_or("")});
}

Task<Result<store::Secret>> SecretVault::set(Identity who, std::string name, SecretDefinition definition) {
  auto checked = check_secret(name, definition);
  if (checked) checked = may_change(who, definition.org_id);
  store::SealedSecret sealed;
  const bool has_value = definition.value.has_value();
  if (checked) sealed.sealed = seal(definition);
  wipe(definition.value);
  if (definition.oauth) {
    wipe(definition.oauth->refresh_token);
    wipe(definition.oauth->client_secret);
  }
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
  if (definition.oauth) secret.oauth = oauth_of(*definition.oauth, has_value, secret.updated_at);
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

Result<Confidential> SecretVault::open(const store::SealedSecret& secret) const {
  if (!secret.secret.oauth) return key_.open(secret.sealed);
  ISA_TRY(auto material, this->material(secret));
  return Confidential(std::move(material.access_token));
}

Result<TokenMaterial> SecretVault::material(const store::SealedSecret& secret) const {
  ISA_TRY(const auto text, key_.open(secret.sealed));
  return read_material(text);
}

std::string SecretVault::seal(const TokenMaterial& material) const {
  return key_.seal(write_material(material).text());
}

Task<Result<void>> SecretVault::renew(store::SealedSecret secret) {
  const auto id = secret.secret.id.value(), name = secret.secret.name;
  ISA_CO_TRYV(co_await store_.renew(std::move(secret)));
  ++version_;
  log::info("secret.renewed", {{"secret_id", id}, {"name", name}});
  co_return ok();
}

Task<void> SecretVault::note_failure(store::SealedSecret secret, store::RenewalFailure failure) {
  log::warn("secret.not_renewed",
            {{"secret_id", secret.secret.id.value()}, {"name", secret.secret.name}, {"code", failure.code}});
  auto noted = co_await store_.note_failure(secret.secret.id, secret.revision, std::move(failure));
  if (!noted) log::warn("secret.failure_not_noted", {{"message", noted.error().message()}});
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
