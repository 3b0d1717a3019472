#include "cloud_os/secrets/definition.h"

#include "net/host_pattern.h"
#include "net/text.h"

#include <algorithm>
#include <array>

namespace isa::cloud_os {
namespace {

constexpr std::size_t kHostsMax = 32;

Error wrong(std::string_view field, std::string_view rule) {
  const auto pointer = fmt::format("/{}", field);
  return validation_error("{}: {}", pointer, rule).with_param(pointer);
}

bool is_made_of(std::string_view text, std::string_view extra) {
  return std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || extra.contains(c);
  });
}

bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
}

// Variables that change how programs run, or that the platform sets itself.
bool is_reserved(std::string_view variable) {
  constexpr std::array<std::string_view, 9> kNames = {
      "PATH", "HOME", "LANG", "SHELL", "IFS", "ENV", "BASH_ENV", "NODE_OPTIONS", "SERVICE_PORT"};
  constexpr std::array<std::string_view, 5> kBeginnings = {"LD_", "ISA_", "PYTHON", "GIT_", "DYLD_"};
  return std::ranges::count(kNames, variable) > 0 || variable.ends_with("_PROXY") ||
         variable.ends_with("_BASE_URL") ||
         std::ranges::any_of(kBeginnings, [&](auto beginning) { return variable.starts_with(beginning); });
}

Result<void> check_env(const std::string& env) {
  const bool is_name = !env.empty() && env.size() <= 128 && !(env[0] >= '0' && env[0] <= '9') &&
                       is_made_of(env, "_") &&
                       std::ranges::none_of(env, [](char c) { return c >= 'a' && c <= 'z'; });
  if (!is_name)
    return wrong("env", "the name of a variable is capital letters, digits and _, like GITHUB_TOKEN");
  if (is_reserved(env))
    return wrong("env", fmt::format("{} is not for secrets; choose another variable", env));
  return ok();
}

Result<void> check_methods(const std::vector<std::string>& methods) {
  constexpr std::array<std::string_view, 7> kMethods = {"GET",   "HEAD",   "POST",   "PUT",
                                                        "PATCH", "DELETE", "OPTIONS"};
  for (std::size_t i = 0; i < methods.size(); ++i)
    if (std::ranges::count(kMethods, methods[i]) == 0)
      return wrong(fmt::format("methods/{}", i), "expected GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS");
  if (methods.empty()) return wrong("methods", "leave it out to allow every method");
  return ok();
}

}  // namespace

Result<HeaderTemplate> parse_header_template(std::string_view text) {
  constexpr std::array<std::string_view, 5> kNotOurs = {"Host", "Content-Length", "Transfer-Encoding",
                                                        "Connection", "Cookie2"};
  HeaderTemplate header;
  const auto colon = text.find(':');
  const auto place = text.find("{}");
  if (colon == std::string_view::npos || place == std::string_view::npos || place < colon ||
      text.find("{}", place + 2) != std::string_view::npos)
    return wrong("header",
                 "write it as 'Name: value' with one {} for the secret, like 'Authorization: Bearer {}'");
  header.name = text.substr(0, colon);
  auto value = net::trim(text.substr(colon + 1));
  header.before = value.substr(0, value.find("{}"));
  header.after = value.substr(value.find("{}") + 2);
  const bool is_token = !header.name.empty() && is_made_of(header.name, "!#$%&'*+-.^_`|~");
  const bool is_ours =
      std::ranges::any_of(kNotOurs, [&](auto name) { return net::equals_ignoring_case(name, header.name); });
  if (!is_token || is_ours || !is_visible(text))
    return wrong("header", fmt::format("'{}' is no header that a secret can be in", header.name));
  return header;
}

Result<void> check_secret(const std::string& name, const SecretDefinition& definition) {
  if (name.empty() || name.size() > 128 || !is_made_of(name, "_-."))
    return wrong("name", "a secret's name is 1 to 128 letters, digits, '_', '-' or '.'");
  if (const auto& value = definition.value) {
    if (value->size() < kSecretValueMin || value->size() > kSecretValueMax)
      return wrong("value", fmt::format("a secret has {} to {} bytes", kSecretValueMin, kSecretValueMax));
    if (!is_visible(*value)) return wrong("value", "a secret holds no line end and no control character");
  } else if (!definition.oauth) {
    return wrong("value", "is missing; only where `oauth` says how to get a token it may be");
  }
  if (definition.hosts.empty() || definition.hosts.size() > kHostsMax)
    return wrong("hosts", fmt::format("name 1 to {} hosts that the secret is for", kHostsMax));
  for (std::size_t i = 0; i < definition.hosts.size(); ++i)
    if (auto host = net::HostPattern::parse(definition.hosts[i]); !host)
      return wrong(fmt::format("hosts/{}", i), host.error().message());
  if (definition.header.has_value() == definition.env.has_value())
    return wrong("header", "give either `header` (the secret is added) or `env` (a placeholder is swapped)");
  if (definition.header) ISA_TRYV(parse_header_template(*definition.header));
  if (definition.env) ISA_TRYV(check_env(*definition.env));
  if (definition.methods) ISA_TRYV(check_methods(*definition.methods));
  if (definition.path_prefix &&
      (!definition.path_prefix->starts_with('/') || !is_visible(*definition.path_prefix)))
    return wrong("path_prefix", "a path begins with '/'");
  if (definition.oauth) ISA_TRYV(check_oauth(*definition.oauth, definition.value.has_value()));
  return ok();
}

}  // namespace isa::cloud_os
