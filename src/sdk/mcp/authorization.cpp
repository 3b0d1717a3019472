#include "sdk/mcp/authorization.h"

#include "base/base64.h"
#include "base/sha256.h"

#include <algorithm>

namespace isa::sdk::mcp {
namespace {

constexpr std::size_t kDocumentMax = 256 << 10;  // Bytes of a metadata document or a token answer.
constexpr std::size_t kScopesMax = 64;
constexpr std::string_view kOffline = "offline_access";  // OpenID Connect Core, section 11.

std::string text_at(const json::object& from, std::string_view key) {
  const auto* found = from.if_contains(key);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

bool flag_at(const json::object& from, std::string_view key) {
  const auto* found = from.if_contains(key);
  return found && found->is_bool() && found->get_bool();
}

std::vector<std::string> texts_at(const json::object& from, std::string_view key) {
  std::vector<std::string> texts;
  const auto* found = from.if_contains(key);
  if (!found || !found->is_array()) return texts;
  for (const auto& one : found->get_array())
    if (one.is_string() && texts.size() < kScopesMax) texts.emplace_back(one.get_string());
  return texts;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string base64url(std::string_view bytes) {
  auto text = to_base64(bytes);
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::string without_slash(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return std::string(path);
}

// Whether a token for `resource` is one for the server at `url`: the same, or a folder above it.
bool covers(const std::string& resource, const WebUrl& server) {
  const auto claimed = parse_web_url(resource);
  if (!claimed || claimed->origin != server.origin || !claimed->query.empty()) return false;
  const auto above = without_slash(claimed->path), path = without_slash(server.path);
  return path == above || path.starts_with(above + "/");
}

Error refused(std::string message) {
  return Error(ErrorKind::unauthorized, std::move(message));
}

}  // namespace

std::string WebUrl::target() const {
  return (path.empty() ? "/" : path) + (query.empty() ? "" : "?" + query);
}

Result<WebUrl> parse_web_url(std::string_view text) {
  const auto bare = text.substr(0, text.find_first_of("?#"));
  ISA_TRY(const auto url, net::Url::parse(bare));
  if (url.endpoint.is_unix() || (!url.endpoint.tls && !url.endpoint.is_loopback()))
    return validation_error("'{}' is no https:// URL", text);
  WebUrl parts;
  parts.endpoint = url.endpoint;
  const auto begin = bare.find("//") + 2;
  const auto slash = std::min(bare.find('/', begin), bare.size());
  parts.origin = bare.substr(0, slash);
  parts.path = bare.substr(slash);
  const auto rest = text.substr(bare.size());
  if (rest.starts_with('?')) parts.query = rest.substr(1, rest.find('#') - 1);
  return parts;
}

QueryFields parse_query(std::string_view text) {
  QueryFields fields;
  while (!text.empty()) {
    auto pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    const auto equals = std::min(pair.find('='), pair.size());
    std::string value(pair.substr(std::min(equals + 1, pair.size())));
    std::ranges::replace(value, '+', ' ');
    fields[net::percent_decode(pair.substr(0, equals))] = net::percent_decode(value);
  }
  return fields;
}

QueryFields parse_challenge(std::string_view text) {
  constexpr std::string_view kScheme = "Bearer";
  QueryFields fields;
  const auto begin = text.find(kScheme);
  if (begin == std::string_view::npos) return fields;
  text.remove_prefix(begin + kScheme.size());
  for (;;) {
    const auto start = text.find_first_not_of(" ,\t");
    const auto equals = text.find('=');
    if (start == std::string_view::npos || equals == std::string_view::npos || equals < start) return fields;
    std::string name(text.substr(start, equals - start));
    text.remove_prefix(equals + 1);
    std::string value;
    if (text.starts_with('"')) {
      std::size_t at = 1;
      for (; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) ++at;
        value += text[at];
      }
      text.remove_prefix(std::min(at + 1, text.size()));
    } else {
      value = text.substr(0, text.find_first_of(" ,"));
      text.remove_prefix(value.size());
    }
    fields[std::move(name)] = std::move(value);
  }
}

Task<Result<std::optional<json::object>>> Authorizer::fetch(std::string url, Deadline deadline) {
  ISA_CO_TRY(const auto parts, parse_web_url(url));
  net::ClientRequest request;
  request.target = parts.target();
  request.headers.set("Accept", "application/json");
  ISA_CO_TRY(auto response, co_await http_.open(parts.endpoint, std::move(request), deadline));
  if (response.status != 200) co_return std::optional<json::object>();
  ISA_CO_TRY(const auto text, co_await net::read_all(*response.body, kDocumentMax));
  auto document = json::parse(text);
  if (!document || !document->is_object()) co_return std::optional<json::object>();
  co_return std::optional(std::move(document->get_object()));
}

// RFC 9728: where the challenge says, else at the well-known places.
Task<Result<Authorizer::Resource>> Authorizer::find_resource(const WebUrl& server, const std::string& url,
                                                             const QueryFields& challenge,
                                                             Deadline deadline) {
  std::vector<std::string> places;
  if (const auto said = challenge.find("resource_metadata"); said != challenge.end()) {
    places.push_back(said->second);
  } else {
    const auto well_known = server.origin + "/.well-known/oauth-protected-resource";
    if (const auto path = without_slash(server.path); !path.empty()) places.push_back(well_known + path);
    places.push_back(well_known);
  }
  for (const auto& place : places) {
    ISA_CO_TRY(const auto document, co_await fetch(place, deadline));
    if (!document) continue;
    Resource resource;
    resource.id = text_at(*document, "resource");
    if (!covers(resource.id, server))
      co_return refused(
          fmt::format("{} describes the resource '{}', which is not {}", place, resource.id, url));
    const auto issuers = texts_at(*document, "authorization_servers");
    if (issuers.empty()) co_return refused(fmt::format("{} names no authorization server", place));
    resource.issuer = issuers.front();
    resource.scopes = texts_at(*document, "scopes_supported");
    co_return resource;
  }
  co_return refused(fmt::format("{} does not say who gives tokens for it", url));
}

// RFC 8414, then OpenID Connect Discovery. What it says of itself must be what it was asked as.
Task<Result<Authorizer::Issuer>> Authorizer::find_issuer(std::string id, Deadline deadline) {
  ISA_CO_TRY(const auto url, parse_web_url(id));
  const auto path = without_slash(url.path);
  std::vector<std::string> places = {url.origin + "/.well-known/oauth-authorization-server" + path,
                                     url.origin + "/.well-known/openid-configuration" + path};
  if (!path.empty()) places.push_back(url.origin + path + "/.well-known/openid-configuration");
  for (const auto& place : places) {
    ISA_CO_TRY(const auto document, co_await fetch(place, deadline));
    if (!document) continue;
    Issuer issuer;
    issuer.id = text_at(*document, "issuer");
    if (issuer.id != id)
      co_return refused(fmt::format("{} is the metadata of '{}', not of '{}'", place, issuer.id, id));
    issuer.authorize = text_at(*document, "authorization_endpoint");
    issuer.token = text_at(*document, "token_endpoint");
    issuer.registration = text_at(*document, "registration_endpoint");
    issuer.auth_methods = texts_at(*document, "token_endpoint_auth_methods_supported");
    issuer.scopes = texts_at(*document, "scopes_supported");
    issuer.says_iss = flag_at(*document, "authorization_response_iss_parameter_supported");
    issuer.takes_documents = flag_at(*document, "client_id_metadata_document_supported");
    const auto methods = texts_at(*document, "code_challenge_methods_supported");
    if (std::ranges::count(methods, "S256") == 0)
      co_return refused(
          fmt::format("'{}' does not support PKCE with S256, without which a code can be stolen", id));
    for (const auto& endpoint : {issuer.authorize, issuer.token}) ISA_CO_TRYV(parse_web_url(endpoint));
    co_return issuer;
  }
  co_return refused(fmt::format("the authorization server '{}' publishes no metadata", id));
}

// Registered beforehand, described by a document, or registered now; in this order.
Task<Result<OauthClient>> Authorizer::client_of(const Issuer& issuer, Deadline deadline) {
  if (const auto found = clients_.find(issuer.id); found != clients_.end()) co_return found->second;
  if (options_.known && options_.known->issuer.empty()) options_.known->issuer = issuer.id;
  OauthClient client;
  if (options_.known && options_.known->issuer == issuer.id) {
    client = *options_.known;
  } else if (options_.document && issuer.takes_documents) {
    client = {issuer.id, *options_.document, "", "none"};
  } else {
    ISA_CO_TRY(client, co_await register_at(issuer, deadline));
  }
  clients_[issuer.id] = client;
  co_return client;
}

Task<Result<OauthClient>> Authorizer::register_at(const Issuer& issuer, Deadline deadline) {
  if (issuer.registration.empty())
    co_return refused(fmt::format("'{}' registers no clients; register one there and name it", issuer.id));
  ISA_CO_TRY(const auto url, parse_web_url(issuer.registration));
  const auto supports = [&](std::string_view method) {
    return std::ranges::count(issuer.auth_methods, method) > 0;
  };
  const auto* method = supports("none")                 ? "none"
                       : supports("client_secret_post") ? "client_secret_post"
                                                        : "client_secret_basic";
  const json::object body{{"client_name", "isA"},
                          {"redirect_uris", json::array{options_.redirect_uri}},
                          {"grant_types", json::array{"authorization_code", "refresh_token"}},
                          {"response_types", json::array{"code"}},
                          {"token_endpoint_auth_method", method},
                          {"application_type", "native"}};
  net::ClientRequest request;
  request.method = net::Method::post;
  request.target = url.target();
  request.headers.set("Content-Type", "application/json");
  request.headers.set("Accept", "application/json");
  request.body = json::serialize(body);
  ISA_CO_TRY(auto response, co_await http_.open(url.endpoint, std::move(request), deadline));
  ISA_CO_TRY(const auto text, co_await net::read_all(*response.body, kDocumentMax));
  const auto document = json::parse(text);
  if (response.status / 100 != 2 || !document || !document->is_object())
    co_return refused(
        fmt::format("'{}' refused to register a client (status {})", issuer.id, response.status));
  const auto& got = document->get_object();
  OauthClient client{issuer.id, text_at(got, "client_id"), text_at(got, "client_secret"),
                     text_at(got, "token_endpoint_auth_method")};
  if (client.id.empty()) co_return refused(fmt::format("'{}' registered a client without an id", issuer.id));
  co_return client;
}

Task<Result<std::string>> Authorizer::ask_person(const Issuer& issuer, const OauthClient& client,
                                                 const Resource& resource, const std::string& challenge) {
  const auto state = random_hex(16);
  // An OpenID provider gives a refresh token only to somebody who was asked in so many words.
  const bool is_offline = std::ranges::count(resource.scopes, kOffline) > 0;
  const auto query = form_of({{"response_type", "code"},
                              {"client_id", client.id},
                              {"redirect_uri", options_.redirect_uri},
                              {"state", state},
                              {"code_challenge", challenge},
                              {"code_challenge_method", "S256"},
                              {"resource", resource.id},
                              {"scope", joined(resource.scopes)},
                              {"prompt", is_offline ? "consent" : ""}});
  const auto* joint = issuer.authorize.contains('?') ? "&" : "?";
  ISA_CO_TRY(auto answer, co_await options_.visit(issuer.authorize + joint + query));
  if (answer["state"] != state)
    co_return refused("the answer of the authorization server is not to this question");
  // RFC 9207, letter by letter: a mix-up of two servers shows here.
  const auto iss = answer.find("iss");
  if (iss == answer.end() && issuer.says_iss)
    co_return refused(fmt::format("the answer does not say that it is from '{}'", issuer.id));
  if (iss != answer.end() && iss->second != issuer.id)
    co_return refused(fmt::format("the answer is from '{}', not from '{}'", iss->second, issuer.id));
  if (answer.contains("error")) co_return refused(fmt::format("access was not granted: {}", answer["error"]));
  if (answer["code"].empty()) co_return refused("the authorization server sent no code");
  co_return answer["code"];
}

Task<Result<OauthGrant>> Authorizer::redeem(const Issuer& issuer, OauthClient client,
                                            const Resource& resource, std::string code, std::string verifier,
                                            Deadline deadline) {
  ISA_CO_TRY(const auto url, parse_web_url(issuer.token));
  const bool knows_basic =
      issuer.auth_methods.empty() || std::ranges::count(issuer.auth_methods, "client_secret_basic") > 0;
  if (client.auth_method.empty())
    client.auth_method = client.secret.empty() ? "none"
                         : knows_basic         ? "client_secret_basic"
                                               : "client_secret_post";
  auto request = token_request(url.target(), client,
                               {{"grant_type", "authorization_code"},
                                {"code", std::move(code)},
                                {"redirect_uri", options_.redirect_uri},
                                {"code_verifier", std::move(verifier)},
                                {"resource", resource.id}});
  ISA_CO_TRY(auto response, co_await http_.open(url.endpoint, std::move(request), deadline));
  ISA_CO_TRY(const auto text, co_await net::read_all(*response.body, kDocumentMax));
  auto token = parse_token_answer(response.status, text);
  if (!token) co_return refused(fmt::format("'{}' gave no token: {}", issuer.id, token.error().message()));
  OauthGrant grant;
  grant.scope = token->scope.value_or(joined(resource.scopes));
  grant.token = *std::move(token);
  grant.client = std::move(client);
  grant.token_url = issuer.token;
  grant.resource = resource.id;
  co_return grant;
}

void Authorizer::choose_scopes(Resource& resource, const QueryFields& challenge, const Issuer& issuer) {
  auto& scopes = resource.scopes;
  if (const auto wanted = challenge.find("scope"); wanted != challenge.end())
    scopes = words_of(wanted->second);
  if (!options_.scopes.empty()) scopes = options_.scopes;
  const auto add = [&scopes](std::string_view scope) {
    if (std::ranges::count(scopes, scope) == 0) scopes.emplace_back(scope);
  };
  auto& asked = asked_[resource.id];
  for (const auto& scope : asked) add(scope);
  // Beside others only: alone it would keep the server from giving what it gives unasked.
  if (!scopes.empty() && std::ranges::count(issuer.scopes, kOffline) > 0) add(kOffline);
  if (scopes.size() > kScopesMax) scopes.resize(kScopesMax);
  asked = scopes;
}

Task<Result<OauthGrant>> Authorizer::ask_grant(std::string url, std::string www_authenticate,
                                               Deadline deadline) {
  ISA_CO_TRY(const auto server, parse_web_url(url));
  const auto challenge = parse_challenge(www_authenticate);
  ISA_CO_TRY(auto resource, co_await find_resource(server, url, challenge, deadline));
  ISA_CO_TRY(const auto issuer, co_await find_issuer(resource.issuer, deadline));
  ISA_CO_TRY(auto client, co_await client_of(issuer, deadline));
  choose_scopes(resource, challenge, issuer);
  const auto verifier = random_hex(32);
  ISA_CO_TRY(auto code, co_await ask_person(issuer, client, resource, base64url(sha256(verifier))));
  co_return co_await redeem(issuer, std::move(client), resource, std::move(code), verifier, deadline);
}

Task<Result<std::string>> Authorizer::authorize(std::string url, std::string www_authenticate,
                                                Deadline deadline) {
  ISA_CO_TRY(auto grant, co_await ask_grant(std::move(url), std::move(www_authenticate), deadline));
  co_return std::move(grant.token.access_token);
}

}  // namespace isa::sdk::mcp
