#include "cloud_os/broker.h"

#include "base/log.h"
#include "base/signal.h"
#include "net/trace_headers.h"

#include <algorithm>

namespace isa::cloud_os {
namespace {

constexpr std::size_t kBodyMax = 32 << 20;  // Pictures travel inside of the JSON.
constexpr auto kHeadTimeout = std::chrono::minutes(10);
constexpr std::size_t kLimitedCallsMax = 16;                        // At once, in one sandbox.
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
      limited_calls_(executor, kLimitedCallsMax),
      credentials_(sandbox_, brokerage.secrets(), brokerage.renewer()),
      egress_(executor, brokerage.outside(), credentials_, brokerage.egress_limits(),
              [this](store::SandboxAuditEntry entry) { report(std::move(entry)); }),
      web_(egress_, brokerage.searcher(),
           [this](store::SandboxAuditEntry entry) { report(std::move(entry)); }),
      server_(executor, routes(), server_options()),
      calls_(executor) {}

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

Task<void> Broker::stop() {
  co_await server_.stop();
  co_await calls_.stop();
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
  ModelCall call;
  const bool is_counted = request.method == net::Method::post;
  const bool is_limited = is_counted && tally_.is_limited();
  if (is_limited) {
    auto permit = co_await limited_calls_.acquire();
    if (auto refusal = tally_.refusal()) {
      tally_.count_refusal();
      co_return refused(AuditKind::model, request, *std::move(refusal));
    }
    call.permit = std::move(permit);
  }
  if (is_counted) call.tally = std::make_unique<Tally::Call>(tally_);
  call.entry.kind = AuditKind::model;
  call.entry.target = request.path.substr(0, kTargetMax);
  call.entry.bytes_out = static_cast<std::int64_t>(request.body.size());
  call.report = [this](ModelCall& over) { counted(over); };
  request.headers = harmless_of(request.headers);
  auto identity = identity_of(*binding_);
  request.identity = identity;
  auto answer = call_model(std::move(request), std::move(identity), std::move(call));
  if (is_limited) co_return co_await uncut(std::move(answer));
  co_return co_await std::move(answer);
}

Task<net::Response> Broker::call_model(net::Request request, Identity identity, ModelCall call) {
  auto response = co_await brokerage_.models().forward(std::move(request), std::move(identity));
  if (response.status >= 400) {
    call.entry.verdict = store::AuditVerdict::failed;
    call.entry.reason = fmt::format("status_{}", response.status);
  }
  co_return metered(std::move(response), std::move(call));
}

// Until there is an answer. A stream is cut off as soon as it is there, if nobody wants it any more.
Task<Result<net::Response>> Broker::uncut(Task<net::Response> call) {
  struct State {
    explicit State(asio::any_io_executor executor) : done(std::move(executor)) {}
    Signal done;
    bool is_done = false;
    std::optional<net::Response> response;
  };
  struct Finish {
    State& state;
    ~Finish() {
      state.is_done = true;
      state.done.notify();
    }
  };
  const auto state = std::make_shared<State>(calls_.executor());
  const auto keep = [](std::shared_ptr<State> kept, Task<net::Response> task) -> Task<void> {
    const Finish finish{*kept};
    kept->response = co_await std::move(task);
  };
  calls_.spawn("broker.model_call", keep(state, std::move(call)));
  while (!state->is_done) co_await state->done.wait();
  if (!state->response) co_return internal_error("the model could not be asked for an internal reason");
  co_return *std::move(state->response);
}

void Broker::counted(ModelCall& call) {
  counters_.input_tokens += call.usage.input_tokens;
  counters_.output_tokens += call.usage.output_tokens;
  const bool has_limit = call.tally && tally_.is_limited();
  call.tally.reset();
  report(std::move(call.entry));
  if (has_limit && on_counted_) on_counted_();
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
