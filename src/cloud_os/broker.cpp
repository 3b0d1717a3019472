#include "cloud_os/broker.h"

#include "base/log.h"
#include "net/trace_headers.h"

#include <algorithm>

namespace isa::cloud_os {
namespace {

constexpr std::size_t kBodyMax = 32 << 20;  // Pictures travel inside of the JSON.
constexpr auto kHeadTimeout = std::chrono::minutes(10);

net::ServerOptions server_options() {
  net::ServerOptions options;
  options.name = "isa-broker";
  options.limits.connections_max = 64;  // One sandbox cannot take what all of them share.
  options.limits.drain_timeout = std::chrono::milliseconds(500);
  return options;
}

// What a request may carry outside. A list of what is known to be harmless, not of what is known to be a
// credential or a claim of identity: those have too many names.
constexpr std::string_view kHarmless[] = {"accept",          "content-type",     "user-agent", "x-request-id",
                                          "idempotency-key", "traceparent",      "tracestate", "openai-beta",
                                          "anthropic-beta",  "anthropic-version"};

bool is_harmless(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
  return std::ranges::find(kHarmless, lower) != std::end(kHarmless);
}

net::Headers harmless_of(const net::Headers& headers) {
  net::Headers kept;
  for (const auto& [name, value] : headers.all())
    if (is_harmless(name)) kept.add(name, value);
  return kept;
}

// Another server may resolve /v1/../x to /x.
bool climbs(std::string_view path) {
  return path.ends_with("/..") || path.ends_with("/.") || path.find("/../") != std::string_view::npos ||
         path.find("/./") != std::string_view::npos || path.find("//") != std::string_view::npos;
}

Identity identity_of(const VmBinding& binding) {
  Identity identity;
  identity.user = binding.user_id;
  if (binding.org_id) identity.orgs.push_back({*binding.org_id, "member"});
  return identity;
}

}  // namespace

Broker::Broker(asio::any_io_executor executor, SandboxId sandbox, model::ModelClient& models)
    : sandbox_(std::move(sandbox)),
      models_(models),
      server_(std::move(executor), routes(), server_options()) {}

net::Router Broker::routes() {
  using net::Method;
  // Public: no credential is asked for, the channel is one.
  net::RouteOptions options;
  options.is_public = true;
  options.body_max = kBodyMax;
  options.timeout = kHeadTimeout;
  options.cancel_on_disconnect = true;
  net::Router router;
  for (const auto method :
       {Method::get, Method::head, Method::post, Method::put, Method::patch, Method::del, Method::options}) {
    router.add({method, "/{path...}", [this](net::Request& request) { return forward(request); }, options});
  }
  return router;
}

Result<void> Broker::serve(Descriptor listener) {
  auto served = server_.listen_fd(listener.get());
  if (served) listener.release();
  return served;
}

Task<Result<net::Response>> Broker::forward(net::Request& request) {
  ++counters_.requests;
  if (!binding_)
    co_return refused(
        request, "unbound",
        insufficient_permissions("this sandbox is not bound to a session yet; nothing is reachable from it")
            .with_code("sandbox_not_bound"));
  if (climbs(request.path))
    co_return refused(request, "path", invalid_request("the path holds empty or dot segments"));
  if (!request.path.starts_with("/v1/"))
    co_return refused(
        request, "no such service",
        insufficient_permissions("a sandbox reaches the model service at /v1/ and nothing else; {} is not "
                                 "part of it",
                                 request.path)
            .with_code("not_reachable"));
  request.headers = harmless_of(request.headers);
  auto identity = identity_of(*binding_);
  request.identity = identity;
  co_return co_await models_.forward(std::move(request), std::move(identity));
}

Error Broker::refused(const net::Request& request, std::string_view why, Error error) {
  ++counters_.refused;
  log::warn("broker.refused", {{"sandbox_id", sandbox_.value()},
                               {"trace_id", net::trace_id_of(request.headers)},
                               {"session_id", binding_ ? binding_->session_id : std::string()},
                               {"method", net::to_string(request.method)},
                               {"path", request.path.substr(0, 200)},
                               {"why", why}});
  return error;
}

}  // namespace isa::cloud_os
