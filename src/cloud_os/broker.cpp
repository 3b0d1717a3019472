#include "cloud_os/broker.h"

#include "base/log.h"
#include "net/trace_headers.h"

#include <algorithm>

namespace isa::cloud_os {
namespace {

constexpr std::size_t kBodyMax = 32 << 20;  // Pictures travel inside of the JSON.
constexpr auto kHeadTimeout = std::chrono::minutes(10);
constexpr std::size_t kTargetMax = 200;                             // Characters that the audit trail keeps.
constexpr std::string_view kProxyInside = "http://127.0.0.1:3128";  // Where the runtime listens for us.

using store::AuditKind;

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

net::RouteOptions open_options() {
  // Public: no credential is asked for, the channel is one.
  net::RouteOptions options;
  options.is_public = true;
  options.body_max = kBodyMax;
  options.timeout = kHeadTimeout;
  options.cancel_on_disconnect = true;
  return options;
}

}  // namespace

Broker::Broker(asio::any_io_executor executor, SandboxId sandbox, EgressRules floor, Brokerage& brokerage)
    : sandbox_(std::move(sandbox)),
      brokerage_(brokerage),
      floor_(std::move(floor)),
      credentials_(sandbox_, brokerage.secrets(), brokerage.renewer()),
      egress_(executor, brokerage.outside(), credentials_, brokerage.egress_limits(),
              [this](store::SandboxAuditEntry entry) { report(std::move(entry)); }),
      web_(egress_, brokerage.searcher(),
           [this](store::SandboxAuditEntry entry) { report(std::move(entry)); }),
      server_(executor, routes(), server_options()) {}

Broker::~Broker() = default;

net::ServerOptions Broker::server_options() {
  net::ServerOptions options;
  options.name = "isa-broker";
  options.limits.connections_max = 256;  // One sandbox cannot take what all of them share.
  options.limits.bodies_max = 2 * kBodyMax;
  options.limits.drain_timeout = std::chrono::milliseconds(500);
  net::Route through{net::Method::get, "(proxy)", [this](net::Request& request) { return forward(request); },
                     open_options()};
  options.proxy =
      net::ProxyRoute{std::move(through), [this](net::Request& request) { return connect(request); }};
  return options;
}

net::Router Broker::routes() {
  using net::Method;
  net::Router router;
  for (const auto method :
       {Method::get, Method::head, Method::post, Method::put, Method::patch, Method::del, Method::options}) {
    router.add(
        {method, "/{path...}", [this](net::Request& request) { return answer(request); }, open_options()});
  }
  return router;
}

Result<void> Broker::serve(Descriptor listener) {
  auto served = server_.listen_fd(listener.get());
  if (served) listener.release();
  return served;
}

void Broker::bind(VmBinding binding) {
  auto rules = floor_;
  if (binding.egress) {
    if (auto own = EgressRules::parse(*binding.egress))
      rules.add(*own);
    else
      log::error("broker.bad_egress", {{"sandbox_id", sandbox_.value()}, {"message", own.error().message()}});
  }
  credentials_.bind(binding);
  binding_ = std::move(binding);
  egress_.allow(std::move(rules));
}

BrokerCounters Broker::counters() const {
  auto counters = counters_;
  counters.tunnels_open = static_cast<std::int64_t>(egress_.open_tunnels());
  return counters;
}

Task<Result<net::Response>> Broker::answer(net::Request& request) {
  if (!binding_) co_return unbound(AuditKind::model, request);
  if (climbs(request.path))
    co_return refused(AuditKind::model, request,
                      invalid_request("the path holds empty or dot segments").with_code("bad_path"));
  if (request.path.starts_with("/v1/")) co_return co_await ask_model(request);
  if (request.method == net::Method::post && request.path == "/web/search")
    co_return co_await web_.search(request);
  if (request.method == net::Method::post && request.path == "/web/fetch")
    co_return co_await web_.fetch(request);
  if (request.path == "/environment" && request.method == net::Method::get) co_return co_await environment();
  co_return refused(
      AuditKind::model, request,
      insufficient_permissions(
          "a sandbox reaches the model service at /v1/ and nothing else here; {} is not part of it",
          request.path)
          .with_code("not_reachable"));
}

Task<Result<net::Response>> Broker::ask_model(net::Request& request) {
  request.headers = harmless_of(request.headers);
  auto identity = identity_of(*binding_);
  request.identity = identity;
  ModelUse use;
  use.entry.kind = AuditKind::model;
  use.entry.target = request.path.substr(0, kTargetMax);
  use.entry.bytes_out = static_cast<std::int64_t>(request.body.size());
  auto response = co_await brokerage_.models().forward(std::move(request), std::move(identity));
  if (response.status >= 400) {
    use.entry.verdict = store::AuditVerdict::failed;
    use.entry.reason = fmt::format("status_{}", response.status);
  }
  co_return metered(std::move(response), std::move(use), [this](ModelUse seen) {
    counters_.input_tokens += seen.input_tokens;
    counters_.output_tokens += seen.output_tokens;
    report(std::move(seen.entry));
  });
}

// For the runtime, which gives it to the tools: how to go out, and what stands for the secrets.
Task<Result<net::Response>> Broker::environment() {
  ISA_CO_TRYV(co_await credentials_.refresh());
  auto variables = credentials_.placeholders();
  if (!egress_.rules().empty()) {
    for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"})
      variables[name] = kProxyInside;
    for (const char* name : {"NO_PROXY", "no_proxy"}) variables[name] = "127.0.0.1,localhost";
    variables["NODE_USE_ENV_PROXY"] = "1";  // Node's own fetch looks at the others only then.
  }
  const json::object body{{"env", json::write(variables)}};
  co_return net::Response::json(200, body);
}

Task<Result<net::Response>> Broker::forward(net::Request& request) {
  if (!binding_) co_return unbound(AuditKind::http, request);
  co_return co_await egress_.forward(request);
}

Task<Result<net::Takeover>> Broker::connect(net::Request& request) {
  if (!binding_) co_return unbound(AuditKind::tunnel, request);
  co_return co_await egress_.open_tunnel(request);
}

Error Broker::unbound(AuditKind kind, const net::Request& request) {
  return refused(
      kind, request,
      insufficient_permissions("this sandbox is not bound to a session yet; nothing is reachable from it")
          .with_code("sandbox_not_bound"));
}

Error Broker::refused(AuditKind kind, const net::Request& request, Error error) {
  store::SandboxAuditEntry entry;
  entry.kind = kind;
  entry.verdict = store::AuditVerdict::refused;
  entry.target = request.target.substr(0, request.target.find('?')).substr(0, kTargetMax);
  entry.reason = error.code();
  report(std::move(entry));
  log::debug("broker.refused_request", {{"sandbox_id", sandbox_.value()},
                                        {"trace_id", net::trace_id_of(request.headers)},
                                        {"code", error.code()}});
  return error;
}

void Broker::report(store::SandboxAuditEntry entry) {
  entry.at = now();
  entry.sandbox_id = sandbox_;
  if (binding_) {
    entry.lease_id = binding_->lease_id;
    entry.user_id = binding_->user_id;
    entry.org_id = binding_->org_id;
    entry.session_id = binding_->session_id;
  }
  if (entry.kind != AuditKind::tunnel_end) ++counters_.requests;
  if (entry.verdict == store::AuditVerdict::refused) ++counters_.refused;
  counters_.bytes_out += entry.bytes_out;
  counters_.bytes_in += entry.bytes_in;
  auto& numbers = brokerage_.numbers();
  numbers.count(entry);
  if (entry.kind == AuditKind::tunnel && entry.verdict == store::AuditVerdict::allowed)
    numbers.tunnel_opened();
  if (entry.kind == AuditKind::tunnel_end) numbers.tunnel_closed();
  brokerage_.trail().record(std::move(entry));
}

}  // namespace isa::cloud_os
