#include "cloud_os/egress/egress.h"

#include "net/text.h"

#include <stdexcept>

namespace isa::cloud_os {
namespace {

using store::AuditKind;
using store::AuditVerdict;

constexpr std::size_t kTargetMax = 200;
constexpr std::size_t kLookupsMax = 4;
constexpr std::size_t kRepeatedMax = 4 << 20;  // Bytes of a body.

bool is_refusal(const Error& error) {
  return error.kind() == ErrorKind::insufficient_permissions || error.kind() == ErrorKind::invalid_request;
}

Error not_allowed(const EgressTarget& target) {
  const bool is_usual = target.port == 443 || target.port == 80;
  return insufficient_permissions(
             "{} is not on the allow-list of this sandbox; whoever owns its agent can add \"{}\" to `egress`",
             target.to_string(), is_usual ? target.host : target.to_string())
      .with_code("egress_not_allowed");
}

store::SandboxAuditEntry entry_of(AuditKind kind, std::string target, std::string rule) {
  store::SandboxAuditEntry entry;
  entry.kind = kind;
  entry.target = std::move(target);
  entry.rule = std::move(rule);
  return entry;
}

// What cannot be read cannot be searched for the secret either.
Result<net::OpenResponse> readable(net::OpenResponse answer) {
  const auto encoding = answer.headers.get("Content-Encoding");
  if (encoding.empty() || net::equals_ignoring_case(encoding, "identity")) return answer;
  return upstream_error("the server encoded its answer ('{}') although it was asked not to", encoding)
      .with_code("answer_encoded");
}

// A server's plain answer, on its way in. Reported when it has ended.
struct PlainAnswer {
  std::unique_ptr<net::BodyStream> body;
  Redactor redactor;
  store::SandboxAuditEntry entry;
  Egress::Report report;
  bool is_complete = false;
  bool has_begun = false;
  bool is_cut = false;  // By whoever reads it.

  ~PlainAnswer() {
    if (is_cut) {
      entry.reason = kAnswerCut;
    } else if (!is_complete && !has_begun) {
      entry.reason = "not_read";  // Its head said enough.
    } else if (!is_complete) {
      entry.verdict = AuditVerdict::failed;
      entry.reason = "broken";
    }
    report(std::move(entry));
  }
};

Task<void> relay(std::shared_ptr<PlainAnswer> answer, net::BodyWriter& to) {
  answer->has_begun = true;
  for (bool has_more = true; has_more;) {
    auto piece = co_await answer->body->read();
    // Its end is missing, and so must ours be.
    if (!piece) throw std::runtime_error(piece.error().message());
    has_more = !piece->empty();
    answer->entry.bytes_in += static_cast<std::int64_t>(piece->size());
    auto clean = has_more ? answer->redactor.feed(*std::move(piece)) : answer->redactor.finish();
    if (auto written = co_await to.write(std::move(clean)); !written) {
      answer->is_cut = written.error().code() == kAnswerCut;
      co_return;
    }
  }
  answer->is_complete = true;
}

}  // namespace

Egress::Egress(asio::any_io_executor executor, Outside outside, Credentials& credentials, EgressLimits limits,
               Report report)
    : outside_(outside),
      credentials_(credentials),
      limits_(limits),
      report_(std::move(report)),
      lookups_(std::move(executor), kLookupsMax) {}

void Egress::allow(EgressRules rules) {
  rules_ = std::move(rules);
  std::vector<std::shared_ptr<Tunnel>> unwanted;
  for (const auto& weak : tunnels_)
    if (auto tunnel = weak.lock(); tunnel && rules_.find(tunnel->target()) == nullptr)
      unwanted.push_back(std::move(tunnel));
  for (const auto& tunnel : unwanted) tunnel->close("not_allowed_any_more");
}

Result<void> Egress::check(const EgressTarget& target) const {
  if (rules_.find(target) == nullptr) return not_allowed(target);
  return ok();
}

std::string Egress::rule_of(const EgressTarget& target) const {
  const auto* rule = rules_.find(target);
  return rule == nullptr ? "" : rule->to_string();
}

Error Egress::refused(store::SandboxAuditEntry entry, Error error) {
  entry.verdict = is_refusal(error) ? AuditVerdict::refused : AuditVerdict::failed;
  entry.reason = error.code();
  report_(std::move(entry));
  return error;
}

// Few lookups at a time: those of all sandboxes share the resolver's threads.
Task<Result<net::Socket>> Egress::reach(EgressTarget target, Deadline deadline) {
  ISA_CO_TRYV(check(target));
  std::optional<Semaphore::Permit> turn;
  turn.emplace(co_await lookups_.acquire());
  ISA_CO_TRY(auto destination, co_await outside_.destinations->find(target, deadline));
  turn.reset();
  ISA_CO_TRY(auto socket, co_await connect(target, std::move(destination), deadline));
  ISA_CO_TRYV(check(target));  // The allow-list may have changed meanwhile.
  co_return socket;
}

Task<Result<net::Takeover>> Egress::open_tunnel(net::Request& request) {
  auto target = tunnel_target(request);
  if (!target) {
    auto entry = entry_of(AuditKind::tunnel, request.target.substr(0, kTargetMax), "");
    co_return refused(std::move(entry), std::move(target).error());
  }
  auto entry = entry_of(AuditKind::tunnel, target->to_string(), rule_of(*target));
  if (tunnels_.size() >= limits_.tunnels_max) {
    auto error =
        service_unavailable("this sandbox has {} tunnels open already; close some first", limits_.tunnels_max)
            .with_code("too_many_tunnels");
    co_return refused(std::move(entry), std::move(error));
  }
  auto socket = co_await reach(*target, request.deadline.tightened(limits_.connect));
  if (!socket) co_return refused(std::move(entry), std::move(socket).error());
  auto takeover = takeover_by(*std::move(target), entry.rule, net::make_socket_stream(*std::move(socket)));
  report_(std::move(entry));
  co_return takeover;
}

net::Takeover Egress::takeover_by(EgressTarget target, std::string rule,
                                  std::unique_ptr<net::Stream> outside) {
  const auto place = tunnels_.emplace(tunnels_.end());
  auto on_end = [this, place, entry = entry_of(AuditKind::tunnel_end, target.to_string(), std::move(rule))](
                    const Tunnel::Account& account) mutable {
    tunnels_.erase(place);
    entry.reason = account.reason;
    const bool has_failed = account.reason == "broken" || account.reason == "timeout";
    if (!account.reason.empty()) entry.verdict = has_failed ? AuditVerdict::failed : AuditVerdict::refused;
    entry.bytes_out = account.bytes_out;
    entry.bytes_in = account.bytes_in;
    report_(std::move(entry));
  };
  auto tunnel =
      std::make_shared<Tunnel>(std::move(target), std::move(outside), limits_.tunnel, std::move(on_end));
  *place = tunnel;
  return [tunnel = std::move(tunnel)](net::Stream& inside, net::Input& input) {
    return Tunnel::run(tunnel, inside, input);
  };
}

Task<Result<net::OpenResponse>> Egress::send(net::Request& request, PlainTarget target, bool use_tls) {
  const auto deadline = request.deadline.tightened(limits_.connect);
  ISA_CO_TRY(auto socket, co_await reach(target.to, deadline));
  auto to = net::Endpoint::tcp(target.to.host, target.to.port);
  to.tls = use_tls;
  std::unique_ptr<net::Stream> stream;
  if (use_tls) {
    ISA_CO_TRY(stream,
               co_await with_deadline(deadline, outside_.tls->connect(std::move(socket), target.to.host)));
  } else {
    stream = net::make_socket_stream(std::move(socket));
  }
  net::ClientRequest outgoing{request.method, std::move(target.path), headers_outside(request.headers),
                              std::move(request.body)};
  co_return co_await net::exchange_once(std::move(stream), std::move(to), std::move(outgoing),
                                        request.deadline, limits_.silence);
}

// What is added to the request is decided before anything is sent, and only for a host that is allowed.
Task<Result<Injection>> Egress::prepare(net::Request& request, PlainTarget& target) {
  ISA_CO_TRYV(co_await credentials_.refresh());
  if (!target.use_tls && credentials_.concern(target.to) && target.to.port == 80) target.to.port = 443;
  ISA_CO_TRYV(check(target.to));
  ISA_CO_TRYV(co_await credentials_.renew_due(request, target));
  co_return credentials_.inject(request, target);
}

// `original`: the headers without what was put in.
Task<Result<net::OpenResponse>> Egress::exchange(net::Request& request, PlainTarget& target,
                                                 Injection& injection, net::Headers original) {
  const bool may_repeat = injection.renewable && request.body.size() <= kRepeatedMax;
  auto body = may_repeat ? request.body : std::string();
  auto answer = co_await send(request, target, injection.use_tls || target.use_tls);
  if (!answer || answer->status != 401 || !injection.renewable) co_return answer;
  ISA_CO_TRY(const bool is_another, co_await credentials_.renew_refused(*injection.renewable));
  if (!is_another || !may_repeat) co_return answer;
  answer->body.reset();
  request.headers = std::move(original);
  request.body = std::move(body);
  ISA_CO_TRY(injection, co_await prepare(request, target));
  co_return co_await send(request, target, injection.use_tls || target.use_tls);
}

Task<Result<net::Response>> Egress::forward(net::Request& request) {
  auto target = plain_target(request);
  if (!target) {
    auto entry = entry_of(AuditKind::http, request.target.substr(0, kTargetMax), "");
    co_return refused(std::move(entry), std::move(target).error());
  }
  auto original = request.headers;
  auto injection = co_await prepare(request, *target);
  auto entry = entry_of(AuditKind::http, target->to.to_string(), rule_of(target->to));
  if (!injection) co_return refused(std::move(entry), std::move(injection).error());
  entry.secret = injection->secret;
  entry.bytes_out = static_cast<std::int64_t>(request.body.size());
  const bool is_head = request.method == net::Method::head;
  auto opened = co_await exchange(request, *target, *injection, std::move(original));
  if (opened && injection->secret) opened = readable(*std::move(opened));
  if (!opened) co_return refused(std::move(entry), std::move(opened).error());
  net::Response response;
  response.status = opened->status;
  for (const auto& [name, value] : headers_inside(opened->headers).all())
    response.headers.add(name, injection->redactor.whole(value));
  auto answer = std::make_shared<PlainAnswer>(std::move(opened->body), std::move(injection->redactor),
                                              std::move(entry), report_, is_head);
  response.stream = [answer = std::move(answer)](net::BodyWriter& to) { return relay(answer, to); };
  co_return response;
}

}  // namespace isa::cloud_os
