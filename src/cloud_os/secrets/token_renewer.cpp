#include "cloud_os/secrets/token_renewer.h"

#include "cloud_os/secrets/renewal_errors.h"

#include <algorithm>

namespace isa::cloud_os {
namespace {

using Clock = Deadline::Clock;

constexpr std::size_t kMemoriesMax = 10'000;

// What the grant asks for; the client's credentials come besides (sdk/mcp/token_endpoint.h).
sdk::mcp::FormFields fields_of(const store::SecretOauth& oauth, const TokenMaterial& material) {
  sdk::mcp::FormFields fields{{"grant_type", std::string(json::name_of(oauth.grant))}};
  if (oauth.grant == store::OauthGrantType::refresh_token)
    fields.emplace_back("refresh_token", material.refresh_token);
  if (oauth.resource) fields.emplace_back("resource", *oauth.resource);
  // A refreshed token has the scope of the former one unless less is asked for, and what was granted may be
  // called otherwise than what was asked for.
  if (oauth.scope && oauth.grant == store::OauthGrantType::client_credentials)
    fields.emplace_back("scope", *oauth.scope);
  return fields;
}

}  // namespace

// One renewal, for everybody who waits for it.
struct TokenRenewer::Job {
  explicit Job(asio::any_io_executor executor) : ended(std::move(executor)) {}
  Signal ended;
  std::optional<std::int64_t> rejected;  // The latest revision of which somebody says so.
  std::optional<Result<bool>> outcome;
};

// Whatever ends a renewal, nobody waits for it afterwards.
class TokenRenewer::Ending {
 public:
  Ending(TokenRenewer& owner, const store::SecretId& id, Job& job) : owner_(owner), id_(id), job_(job) {}
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;
  ~Ending() {
    if (!job_.outcome)
      job_.outcome = Failure(service_unavailable("the platform stopped while it renewed a token; try again")
                                 .with_code(std::string(kRenewalFailed)));
    owner_.memories_[id_].job.reset();
    job_.ended.notify();
  }

 private:
  TokenRenewer& owner_;
  const store::SecretId& id_;
  Job& job_;
};

TokenRenewer::TokenRenewer(asio::any_io_executor executor, SecretVault& vault, Destinations& destinations,
                           net::TlsConnector& tls, Report report)
    : vault_(vault),
      fetch_(executor, destinations, tls),
      report_(std::move(report)),
      tasks_(std::move(executor)) {}

bool TokenRenewer::is_due(const store::Secret& secret) const {
  return secret.oauth && cloud_os::is_due(*secret.oauth, now(), limits_.margin);
}

Task<Result<bool>> TokenRenewer::renew(store::SecretId id, std::optional<std::int64_t> rejected,
                                       store::SandboxAuditEntry who) {
  forget_idle();
  auto job = memories_[id].job;
  if (!job) {
    job = memories_[id].job = std::make_shared<Job>(tasks_.executor());
    tasks_.spawn("secret.renewal", run(id, job, std::move(who)));
  }
  job->rejected = std::max(job->rejected, rejected);
  while (!job->outcome) co_await job->ended.wait();
  co_return *job->outcome;
}

Task<void> TokenRenewer::run(store::SecretId id, std::shared_ptr<Job> job, store::SandboxAuditEntry who) {
  const Ending ending(*this, id, *job);
  job->outcome = co_await attempt(id, job, std::move(who));
}

Task<Result<bool>> TokenRenewer::attempt(store::SecretId id, std::shared_ptr<Job> job,
                                         store::SandboxAuditEntry who) {
  ISA_CO_TRY(auto secret, co_await vault_.find(id));
  auto& memory = memories_[id];
  if (memory.unkept && memory.unkept->revision == secret.revision)
    co_return co_await keep(*std::exchange(memory.unkept, std::nullopt), std::move(who));
  memory.unkept.reset();
  const bool is_rejected = job->rejected && *job->rejected >= secret.revision;
  if (!secret.secret.oauth || !(is_rejected || is_due(secret.secret))) co_return true;  // Others were faster.
  if (auto error = resting(memory, secret)) co_return *std::move(error);
  if (!is_due(secret.secret) && !admit_refused(memory)) co_return false;
  auto renewed = co_await ask(secret);
  if (!renewed) co_return co_await fail(std::move(secret), std::move(renewed).error(), std::move(who));
  co_return co_await keep(*std::move(renewed), std::move(who));
}

// The secret as it is to be kept.
Task<Result<store::SealedSecret>> TokenRenewer::ask(const store::SealedSecret& secret) {
  ISA_CO_TRY(auto material, vault_.material(secret));
  ISA_CO_TRY(auto url, parse_token_url(secret.secret.oauth->token_url));
  auto renewed = secret;
  auto& oauth = *renewed.secret.oauth;
  const sdk::mcp::OauthClient client{"", oauth.client_id, material.client_secret,
                                     std::string(json::name_of(oauth.auth_method))};
  auto request = sdk::mcp::token_request("/", client, fields_of(oauth, material));
  ISA_CO_TRY(auto answer,
             co_await fetch_.ask(std::move(url), std::move(request), Deadline::after(limits_.patience)));
  if (answer.access_token.size() < kSecretValueMin)
    co_return upstream_error("a token of less than {} characters cannot be kept out of answers",
                             kSecretValueMin)
        .with_code("bad_token_answer");
  material.access_token = std::move(answer.access_token);
  if (answer.refresh_token && oauth.grant == store::OauthGrantType::refresh_token)
    material.refresh_token = *std::move(answer.refresh_token);
  renewed.sealed = vault_.seal(material);
  oauth.obtained_at = now();
  oauth.expires_at.reset();
  if (answer.expires_in) oauth.expires_at = *oauth.obtained_at + *answer.expires_in;
  ++oauth.renewals;
  oauth.last_error.reset();
  co_return renewed;
}

Task<Result<bool>> TokenRenewer::keep(store::SealedSecret renewed, store::SandboxAuditEntry who) {
  auto& memory = memories_[renewed.secret.id];
  auto kept = co_await vault_.renew(renewed);
  const auto kind = kept ? std::nullopt : std::optional(kept.error().kind());
  // Set anew or removed meanwhile: what is there now counts.
  if (kind == ErrorKind::conflict || kind == ErrorKind::not_found) co_return true;
  if (!kept) {
    // The former refresh token may be used up: this one is kept for the next time.
    const auto secret = renewed.secret;
    memory.unkept = std::move(renewed);
    report_(renewal_entry(std::move(who), secret, "not_kept", store::AuditVerdict::failed));
    co_return not_kept(secret, kept.error());
  }
  memory.rest.reset();
  report_(renewal_entry(std::move(who), renewed.secret, "", store::AuditVerdict::allowed));
  co_return true;
}

Task<Error> TokenRenewer::fail(store::SealedSecret secret, Error why, store::SandboxAuditEntry who) {
  auto& memory = memories_[secret.secret.id];
  const bool is_same = memory.rest && memory.rest->revision == secret.revision;
  const int failures = is_same ? memory.rest->failures + 1 : 1;
  auto wait = limits_.rest;
  for (int i = 1; i < failures && wait < limits_.rest_max; ++i) wait *= 2;
  wait = std::min(wait, limits_.rest_max);
  const std::string code(why.code());
  auto error = renewal_failed(secret.secret, why, wait);
  memory.rest = Rest{secret.revision, Clock::now() + wait, failures, error};
  const bool is_final = error.kind() == ErrorKind::insufficient_permissions;
  report_(renewal_entry(std::move(who), secret.secret, code,
                        is_final ? store::AuditVerdict::refused : store::AuditVerdict::failed));
  co_await vault_.note_failure(std::move(secret), {code, now()});
  co_return error;
}

std::optional<Error> TokenRenewer::resting(const Memory& memory, const store::SealedSecret& secret) const {
  // Also after a restart: a grant that is gone does not come back.
  if (const auto& last = secret.secret.oauth->last_error; last && is_for_good(last->code))
    return renewal_failed(secret.secret, refused_by_server(last->code), {});
  if (!memory.rest || memory.rest->revision != secret.revision || Clock::now() >= memory.rest->until)
    return std::nullopt;
  return memory.rest->error;
}

// A server that refuses every token must not make us ask for one with every request.
bool TokenRenewer::admit_refused(Memory& memory) const {
  auto& times = memory.refused_at;
  while (!times.empty() && times.front() + limits_.refused_within < Clock::now()) times.pop_front();
  if (times.size() >= limits_.refused_max) return false;
  times.push_back(Clock::now());
  return true;
}

// What is remembered only keeps from asking too often: it may go where there is too much of it.
void TokenRenewer::forget_idle() {
  if (memories_.size() < kMemoriesMax) return;
  std::erase_if(memories_, [](const auto& entry) { return !entry.second.job && !entry.second.unkept; });
}

Task<void> TokenRenewer::stop() {
  const bool has_ended = co_await finished_before(Deadline::after(limits_.farewell), tasks_.join());
  if (!has_ended) co_await tasks_.stop();
}

}  // namespace isa::cloud_os
