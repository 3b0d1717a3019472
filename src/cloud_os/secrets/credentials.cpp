#include "cloud_os/secrets/credentials.h"

#include "cloud_os/secrets/renewal_errors.h"
#include "cloud_os/secrets/token_renewer.h"
#include "net/text.h"

#include <sodium.h>

#include <algorithm>

namespace isa::cloud_os {
namespace {

using store::SecretKind;

std::string names_of(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

// user:password of a Basic credential; empty when it is none.
std::string basic_pair(std::string_view value) {
  constexpr std::string_view kBasic = "Basic ";
  if (!net::equals_ignoring_case(value.substr(0, kBasic.size()), kBasic)) return {};
  value = net::trim(value.substr(kBasic.size()));
  std::string pair(value.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(pair.data()), pair.size(), value.data(),
                        value.size(), nullptr, &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
    return {};
  pair.resize(size);
  return pair;
}

std::string basic_of(std::string_view pair) {
  std::string text(sodium_base64_ENCODED_LEN(pair.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(pair.data()),
                    pair.size(), sodium_base64_VARIANT_ORIGINAL);
  text.resize(text.find('\0'));
  return "Basic " + text;
}

bool in_headers(const net::Headers& headers, const std::string& placeholder) {
  return std::ranges::any_of(headers.all(), [&](const auto& header) {
    return header.second.contains(placeholder) || basic_pair(header.second).contains(placeholder);
  });
}

bool replace_all(std::string& text, const std::string& what, const std::string& with) {
  const auto first = text.find(what);
  for (auto at = first; at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return first != std::string::npos;
}

// A path that some server reads as another one matches no prefix.
bool is_plain(std::string_view path) {
  const auto decoded = net::percent_decode(path.substr(0, path.find('?')));
  const auto ends_in_dots = decoded.ends_with("/..") || decoded.ends_with("/.");
  return !ends_in_dots && !decoded.contains("/../") && !decoded.contains("/./") && !decoded.contains("//") &&
         !decoded.contains('\\') && !net::percent_decode(decoded).contains("/..");
}

}  // namespace

bool Credentials::Rule::is_for(const EgressTarget& target) const {
  return std::ranges::any_of(hosts, [&](const net::HostPattern& host) {
    const bool is_usual_port = target.port == 80 || target.port == 443;
    return host.matches(target.host) && (host.port ? *host.port == target.port : is_usual_port);
  });
}

bool Credentials::Rule::matches(const net::Request& request, const PlainTarget& target) const {
  const auto& secret = sealed.secret;
  if (!is_for(target.to)) return false;
  if (secret.methods && std::ranges::count(*secret.methods, net::to_string(request.method)) == 0)
    return false;
  return !secret.path_prefix || (target.path.starts_with(*secret.path_prefix) && is_plain(target.path));
}

void Credentials::bind(const VmBinding& binding) {
  user_ = binding.user_id;
  org_ = binding.org_id;
  version_ = 0;
  who_.sandbox_id = sandbox_;
  who_.lease_id = binding.lease_id;
  who_.user_id = binding.user_id;
  who_.org_id = binding.org_id;
  who_.session_id = binding.session_id;
}

Task<Result<void>> Credentials::refresh() {
  if (!user_ || version_ == vault_.version()) co_return ok();
  const auto version = vault_.version();
  ISA_CO_TRY(auto found, co_await vault_.usable(*user_, org_));
  std::vector<Rule> rules;
  for (auto& sealed : found) {
    Rule rule;
    for (const auto& host : sealed.secret.hosts) {
      ISA_CO_TRY(auto pattern, net::HostPattern::parse(host));
      rule.hosts.push_back(std::move(pattern));
    }
    if (sealed.secret.kind == SecretKind::placeholder)
      rule.placeholder = vault_.placeholder(sandbox_, sealed.secret);
    rule.sealed = std::move(sealed);
    rules.push_back(std::move(rule));
  }
  rules_ = std::move(rules);
  version_ = version;
  co_return ok();
}

Task<Result<void>> Credentials::renew_due(const net::Request& request, const PlainTarget& target) {
  const auto is_due = [&](const Rule& rule) { return renewer_.is_due(rule.sealed.secret); };
  if (std::ranges::none_of(rules_, is_due)) co_return ok();
  ISA_CO_TRY(const auto* rule, choose(request, target));
  if (rule == nullptr || !is_due(*rule)) co_return ok();
  const auto secret = rule->sealed.secret;  // The rules may be others after the wait.
  auto renewed = co_await renewer_.renew(secret.id, std::nullopt, who_);
  if (!renewed && !is_usable(*secret.oauth, now())) co_return Failure(std::move(renewed).error());
  co_return co_await refresh();
}

Task<Result<bool>> Credentials::renew_refused(Injection::Renewable refused) {
  return renewer_.renew(std::move(refused.id), refused.revision, who_);
}

bool Credentials::concern(const EgressTarget& target) const {
  return std::ranges::any_of(rules_, [&](const Rule& rule) { return rule.is_for(target); });
}

std::map<std::string, std::string> Credentials::placeholders() const {
  std::map<std::string, std::string> variables;
  // Those of the user come first and win over the organization's.
  for (const auto& rule : rules_)
    if (rule.sealed.secret.env) variables.emplace(*rule.sealed.secret.env, rule.placeholder);
  return variables;
}

Result<const Credentials::Rule*> Credentials::choose(const net::Request& request,
                                                     const PlainTarget& target) const {
  std::vector<std::string> candidates, applying;
  const Rule* chosen = nullptr;
  for (const auto& rule : rules_) {
    const auto& secret = rule.sealed.secret;
    const bool matches = rule.matches(request, target);
    const bool is_header = secret.kind == SecretKind::header;
    if (is_header && rule.is_for(target.to)) candidates.push_back(secret.name);
    bool applies = is_header && matches;
    if (!is_header) {
      const bool is_swappable = in_headers(request.headers, rule.placeholder);
      const bool is_held = is_swappable || request.target.contains(rule.placeholder) ||
                           request.body.contains(rule.placeholder);
      applies = matches && is_swappable;
      if (is_held && !applies)
        return insufficient_permissions(
                   "the request to {} holds the placeholder of the secret '{}', which is for {}{} only and "
                   "stands in a "
                   "header",
                   target.to.to_string(), secret.name, names_of(secret.hosts),
                   secret.path_prefix || secret.methods ? " with its methods and paths" : "")
            .with_code("placeholder_elsewhere");
    }
    if (!applies) continue;
    applying.push_back(secret.name);
    chosen = &rule;
  }
  if (applying.size() > 1)
    return insufficient_permissions(
               "several secrets are for this request: {}; narrow their hosts, methods or paths",
               names_of(applying))
        .with_code("secret_ambiguous");
  if (chosen == nullptr && !candidates.empty())
    return insufficient_permissions("{} has the secrets {}, but none of them is for {} of that path",
                                    target.to.host, names_of(candidates), net::to_string(request.method))
        .with_code("secret_not_applicable");
  return chosen;
}

Result<Injection> Credentials::put_in(const Rule& rule, net::Request& request) const {
  const auto& secret = rule.sealed.secret;
  ISA_TRY(const auto value, vault_.open(rule.sealed));
  if (value.text().empty())  // It was set anew a moment ago.
    return upstream_error("the secret '{}' has no access token yet; try again", secret.name)
        .with_code(std::string(kRenewalFailed));
  if (secret.kind == SecretKind::header) {
    ISA_TRY(const auto header, parse_header_template(*secret.header));
    request.headers.set(header.name, header.before + value.text() + header.after);
  } else {
    net::Headers swapped;
    for (auto [name, text] : request.headers.all()) {
      auto pair = basic_pair(text);
      if (!replace_all(text, rule.placeholder, value.text()) &&
          replace_all(pair, rule.placeholder, value.text()))
        text = basic_of(pair);
      swapped.add(name, std::move(text));
    }
    request.headers = std::move(swapped);
  }
  request.headers.set("Accept-Encoding", "identity");  // So that the secret can be taken out of the answer.
  vault_.note_use(secret.id);
  Injection injection{true, secret.name, Redactor(value.text()), {}};
  if (secret.oauth) injection.renewable = {secret.id, rule.sealed.revision};
  return injection;
}

Result<Injection> Credentials::inject(net::Request& request, const PlainTarget& target) {
  ISA_TRY(const auto* rule, choose(request, target));
  if (rule != nullptr) return put_in(*rule, request);
  Injection nothing;
  nothing.use_tls = concern(target.to);
  return nothing;
}

}  // namespace isa::cloud_os
