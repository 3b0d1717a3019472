#include "cloud_os/routes.h"

#include "cloud_os/broker_routes.h"
#include "cloud_os/wire.h"
#include "net/target.h"
#include "sdk/exec_protocol.h"

#include <charconv>

namespace isa::cloud_os {
namespace {

using Answer = Task<Result<net::Response>>;
using net::Method;
using net::Request;

constexpr std::size_t kExecBodyMax = 3 << 20;  // Bytes: 1 MiB of input, however it is encoded.
constexpr std::size_t kFileBodyMax = 16 << 20;

template <class Body>
net::Response answer(int status, const Body& body) {
  return net::Response::json(status, json::write(body));
}

Error unknown(const SandboxId& id) {
  return not_found("sandbox {} does not exist", id.value());
}

// The sandbox of the request, if it is the caller's.
Task<Result<Vm>> find(Service& service, const Request& request) {
  SandboxId id(request.param("id"));
  if (!service.may_see(request.identity, id)) co_return unknown(id);
  co_return co_await service.find(std::move(id));
}

Result<std::int64_t> number_of(const Request& request, std::string_view name, std::int64_t otherwise,
                               std::int64_t max) {
  const auto text = request.query_value(name);
  if (text.empty()) return otherwise;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= 0 && number <= max) return number;
  return validation_error("{}: '{}' is not a number from 0 to {}", name, text, max)
      .with_param(std::string(name));
}

Answer create(Service& service, Request& request, store::Once once) {
  ISA_CO_TRY(auto spec, json::parse_as<VmCreate>(request.body.empty() ? "{}" : request.body));
  const auto& who = request.identity;
  if (!who.is_internal) {
    if (spec.user_id && *spec.user_id != who.user)
      co_return insufficient_permissions("a sandbox can be created for yourself only; leave user_id out")
          .with_param("/user_id");
    spec.user_id = who.user;
  }
  auto creation = once.has_key ? service.create_once(once.new_id<SandboxId>(), std::move(spec))
                               : service.create(std::move(spec), request.deadline);
  ISA_CO_TRY(const auto vm, co_await std::move(creation));
  co_return answer(201, vm);
}

// By an earlier request with the same Idempotency-Key.
Answer made(Service& service, Request&, store::Once once) {
  ISA_CO_TRY(const auto vm, co_await service.made(once.new_id<SandboxId>()));
  co_return answer(201, vm);
}

// ?label=name=value, as often as wished: all of them must fit.
Result<std::map<std::string, std::string>> wanted_labels(const Request& request) {
  std::map<std::string, std::string> labels;
  const auto question = request.target.find('?');
  std::string_view rest = question == std::string::npos
                              ? std::string_view()
                              : std::string_view(request.target).substr(question + 1);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    const auto pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!pair.starts_with("label=")) continue;
    const auto text = net::percent_decode(pair.substr(6));
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return validation_error("label must be name=value, not '{}'", text).with_param("label");
    labels[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return labels;
}

Answer list(Service& service, Request& request) {
  ISA_CO_TRY(auto labels, wanted_labels(request));
  ISA_CO_TRY(auto vms, co_await service.list(std::move(labels)));
  std::erase_if(vms, [&](const Vm& vm) { return !service.may_see(request.identity, vm.vm_id); });
  const VmList body{std::move(vms)};
  co_return answer(200, body);
}

Answer get(Service& service, Request& request) {
  ISA_CO_TRY(const auto vm, co_await find(service, request));
  co_return answer(200, vm);
}

// ?wait=running&timeout_s=20: answers when it is, cannot be, or the time is over, with what it is then.
Answer status(Service& service, Request& request) {
  ISA_CO_TRY(auto vm, co_await find(service, request));
  if (const auto text = request.query_value("wait"); !text.empty()) {
    const auto wanted = json::enum_named<VmStatus>(text);
    if (!wanted) co_return validation_error("wait: '{}' is no status of a sandbox", text).with_param("wait");
    ISA_CO_TRY(const auto seconds, number_of(request, "timeout_s", 30, 300));
    const auto deadline = Deadline::after(std::chrono::seconds(seconds));
    ISA_CO_TRY(vm, co_await service.wait_for(vm.vm_id, *wanted, deadline));
  }
  const VmState body{vm.vm_id, vm.status, vm.started_at, vm.exit};
  co_return answer(200, body);
}

// What does not exist for the caller is deleted already.
Answer remove(Service& service, Request& request) {
  SandboxId id(request.param("id"));
  if (service.may_see(request.identity, id)) ISA_CO_TRYV(co_await service.remove(id));
  const VmState body{std::move(id), VmStatus::deleted, std::nullopt, std::nullopt};
  co_return answer(200, body);
}

Answer start(Service& service, Request& request) {
  ISA_CO_TRY(const auto found, co_await find(service, request));
  ISA_CO_TRY(const auto vm, co_await service.start(found.vm_id, request.deadline));
  co_return answer(200, vm);
}

template <Task<Result<Vm>> (Service::*act)(SandboxId)>
Answer change(Service& service, Request& request) {
  ISA_CO_TRY(const auto found, co_await find(service, request));
  ISA_CO_TRY(const auto vm, co_await (service.*act)(found.vm_id));
  co_return answer(200, vm);
}

Answer renew(Service& service, Request& request) {
  ISA_CO_TRY(const auto found, co_await find(service, request));
  ISA_CO_TRY(const auto wanted, json::parse_as<VmRenew>(request.body.empty() ? "{}" : request.body));
  ISA_CO_TRY(const auto vm, co_await service.renew(found.vm_id, wanted));
  co_return answer(200, vm);
}

Answer stats(Service& service, Request& request) {
  ISA_CO_TRY(const auto found, co_await find(service, request));
  ISA_CO_TRY(const auto used, co_await service.stats(found.vm_id));
  co_return answer(200, used);
}

Answer bind(Service& service, Request& request) {
  ISA_CO_TRY(auto binding, json::parse_as<VmBinding>(request.body));
  ISA_CO_TRYV(co_await service.bind(SandboxId(request.param("id")), binding));
  co_return answer(200, binding);
}

Answer allow(Service& service, Request& request) {
  ISA_CO_TRY(auto allowance, json::parse_as<VmAllowance>(request.body));
  ISA_CO_TRYV(co_await service.allow(SandboxId(request.param("id")), allowance));
  co_return answer(200, allowance);
}

Answer settle(Service& service, Request& request) {
  RunId run{std::string(request.query_value("run_id"))};
  ISA_CO_TRY(const auto use, co_await service.settle(SandboxId(request.param("id")), std::move(run)));
  co_return answer(200, use);
}

struct EgressView {
  std::vector<std::string> egress;
  BrokerCounters counters;
};
BOOST_DESCRIBE_STRUCT(EgressView, (), (egress, counters))

// What its broker lets through, and has.
Answer egress(Service& service, Request& request) {
  ISA_CO_TRY(const auto vm, co_await find(service, request));
  EgressView body;
  ISA_CO_TRY(body.egress, service.allowed_hosts(vm.vm_id));
  ISA_CO_TRY(body.counters, service.counters(vm.vm_id));
  co_return answer(200, body);
}

// ?tail=100: the last lines only.
Answer logs(Service& service, Request& request) {
  ISA_CO_TRY(const auto vm, co_await find(service, request));
  ISA_CO_TRY(const auto lines, number_of(request, "tail", 0, 1'000'000));
  ISA_CO_TRY(auto text, co_await service.logs(vm.vm_id));
  if (lines > 0) {
    std::size_t at = text.ends_with('\n') ? text.size() - 1 : text.size();
    for (std::int64_t i = 0; i < lines && at != std::string::npos; ++i)
      at = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
    if (at != std::string::npos) text.erase(0, at + 1);
  }
  co_return net::Response::text(200, "text/plain; charset=utf-8", std::move(text));
}

// What the runtime is asked. The request itself stays with the server, which writes the answer to it.
Request inner(const Request& request, Method method, std::string target, std::string body) {
  Request question;
  question.method = method;
  question.target = std::move(target);
  question.headers = request.headers;
  question.body = std::move(body);
  question.request_id = request.request_id;
  question.deadline = request.deadline;
  return question;
}

// Exec and files are the runtime's: what stands behind the sandbox's id is its own target.
// What follows /api/v1/vms/{id}, as it was sent.
Result<std::string> target_inside(const Request& request) {
  ISA_TRY(auto parts, net::split_target(request.target));
  constexpr int kSegmentsBefore = 4;
  std::size_t end_of_id = 0;
  for (int i = 0; i < kSegmentsBefore; ++i) end_of_id = parts.path.find('/', end_of_id + 1);
  std::string inside(parts.path.substr(end_of_id));
  if (!parts.query.empty()) inside.append("?").append(parts.query);
  return inside;
}

Answer control(Service& service, Request& request) {
  ISA_CO_TRY(const auto vm, co_await find(service, request));
  ISA_CO_TRY(auto target, target_inside(request));
  auto question = inner(request, request.method, std::move(target), std::move(request.body));
  co_return co_await service.control(vm.vm_id, std::move(question));
}

Answer exec(Service& service, Request& request, store::Once once) {
  ISA_CO_TRY(const auto vm, co_await find(service, request));
  auto target = once.has_key ? "/exec?id=exec_" + once.seed : "/exec";
  auto question = inner(request, Method::post, std::move(target), request.body);
  co_return co_await service.control(vm.vm_id, std::move(question));
}

// The command that an earlier request with the same Idempotency-Key started: its output from the first byte
// on.
Answer started(Service& service, Request& request, store::Once once) {
  ISA_CO_TRY(const auto vm, co_await find(service, request));
  ISA_CO_TRY(const auto wanted, json::parse_as<sdk::ExecStart>(request.body));
  const bool is_background = wanted.background.value_or(false);
  auto target = "/exec/exec_" + once.seed + (is_background ? "" : "/output");
  auto question = inner(request, Method::get, std::move(target), {});
  ISA_CO_TRY(auto answer, co_await service.control(vm.vm_id, std::move(question)));
  if (answer.status == 404) co_return net::error_of(answer.status, answer.body);
  if (is_background && answer.status == 200) answer.status = 201;
  co_return answer;
}

Answer snapshot(Service& service, Request& request) {
  ISA_CO_TRY(const auto vm, co_await find(service, request));
  co_return not_implemented("the backend {} cannot snapshot a sandbox", vm.backend);
}

using Creation = Answer (*)(Service&, Request&, store::Once);

net::Handler once(Service& service, Creation make, Creation find_made) {
  const auto with = [&service](Creation act) -> store::OnceHandler {
    return [&service, act](Request& request, store::Once which) {
      return act(service, request, std::move(which));
    };
  };
  return service.idempotency_keys().once(with(make), with(find_made));
}

}  // namespace

net::Router routes(Service& service) {
  net::Router router;
  const auto add = [&](Method method, std::string pattern, auto handler, net::RouteOptions options = {}) {
    router.add({method, std::move(pattern),
                [&service, handler](Request& request) { return handler(service, request); },
                std::move(options)});
  };
  net::RouteOptions starting;
  starting.timeout = std::chrono::seconds(60);
  starting.cancel_on_disconnect = true;  // A sandbox that nobody waits for any more is removed again.
  net::RouteOptions waiting;
  waiting.timeout = std::chrono::seconds(310);
  waiting.cancel_on_disconnect = true;
  net::RouteOptions internal;
  internal.is_internal = true;
  net::RouteOptions executing;
  executing.body_max = kExecBodyMax;
  net::RouteOptions writing;
  writing.body_max = kFileBodyMax;

  router.add({Method::post, "/api/v1/vms", once(service, create, made), starting});
  add(Method::get, "/api/v1/vms", list);
  add(Method::get, "/api/v1/vms/{id}", get);
  add(Method::del, "/api/v1/vms/{id}", remove);
  add(Method::get, "/api/v1/vms/{id}/status", status, waiting);
  add(Method::post, "/api/v1/vms/{id}/start", start, starting);
  add(Method::post, "/api/v1/vms/{id}/stop", change<&Service::stop>);
  add(Method::post, "/api/v1/vms/{id}/pause", change<&Service::pause>);
  add(Method::post, "/api/v1/vms/{id}/resume", change<&Service::resume>);
  add(Method::post, "/api/v1/vms/{id}/snapshot", snapshot);
  add(Method::post, "/api/v1/vms/{id}/renew", renew);
  add(Method::put, "/api/v1/vms/{id}/binding", bind, internal);
  add(Method::put, "/api/v1/vms/{id}/allowance", allow, internal);
  add(Method::del, "/api/v1/vms/{id}/allowance", settle, internal);
  add(Method::get, "/api/v1/vms/{id}/egress", egress);
  add(Method::get, "/api/v1/vms/{id}/logs", logs);
  add_broker_routes(router, service.brokerage());
  add(Method::get, "/api/v1/vms/{id}/stats", stats);
  router.add({Method::post, "/api/v1/vms/{id}/exec", once(service, exec, started), executing});
  add(Method::get, "/api/v1/vms/{id}/exec", control);
  add(Method::get, "/api/v1/vms/{id}/exec/{exec}", control);
  add(Method::get, "/api/v1/vms/{id}/exec/{exec}/output", control);
  add(Method::post, "/api/v1/vms/{id}/exec/{exec}/stdin", control, executing);
  add(Method::post, "/api/v1/vms/{id}/exec/{exec}/signal", control);
  add(Method::post, "/api/v1/vms/{id}/exec/{exec}/resize", control);
  add(Method::get, "/api/v1/vms/{id}/files/{path...}", control);
  add(Method::put, "/api/v1/vms/{id}/files/{path...}", control, writing);
  add(Method::post, "/api/v1/vms/{id}/files/{path...}", control);
  add(Method::del, "/api/v1/vms/{id}/files/{path...}", control);
  return router;
}

}  // namespace isa::cloud_os
