#include "cloud_os/routes.h"

#include "cloud_os/broker_routes.h"
#include "cloud_os/wire.h"

namespace isa::cloud_os {
namespace {

using Answer = Task<Result<net::Response>>;
using net::Method;
using net::Request;

template <class Body>
net::Response answer(int status, const Body& body) {
  return net::Response::json(status, json::write(body));
}

bool may_see(const Identity& who, const Vm& vm) {
  return who.is_internal || (vm.user_id && *vm.user_id == who.user);
}

Task<Result<Vm>> find(Service& service, const Request& request) {
  SandboxId id(request.param("id"));
  auto vm = co_await service.find(id);
  if (vm && !may_see(request.identity, *vm)) co_return not_found("sandbox {} does not exist", id.value());
  co_return vm;
}

Answer create(Service& service, Request& request) {
  ISA_CO_TRY(auto spec, json::parse_as<VmCreate>(request.body.empty() ? "{}" : request.body));
  if (!request.identity.is_internal) {
    if (spec.user_id && *spec.user_id != request.identity.user)
      co_return insufficient_permissions("a sandbox can be created for yourself only; leave user_id out")
          .with_param("/user_id");
    spec.user_id = request.identity.user;
  }
  ISA_CO_TRY(const auto vm, co_await service.create(std::move(spec), request.deadline));
  co_return answer(201, vm);
}

// ?label=name=value
Result<std::map<std::string, std::string>> wanted_labels(const Request& request) {
  const auto text = request.query_value("label");
  if (text.empty()) return std::map<std::string, std::string>();
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return validation_error("label must be name=value, not '{}'", text).with_param("label");
  return std::map<std::string, std::string>{
      {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))}};
}

Answer list(Service& service, Request& request) {
  ISA_CO_TRY(auto labels, wanted_labels(request));
  ISA_CO_TRY(auto vms, co_await service.list(std::move(labels)));
  std::erase_if(vms, [&](const Vm& vm) { return !may_see(request.identity, vm); });
  const VmList body{std::move(vms)};
  co_return answer(200, body);
}

Answer get(Service& service, Request& request) {
  ISA_CO_TRY(const auto vm, co_await find(service, request));
  co_return answer(200, vm);
}

Answer status(Service& service, Request& request) {
  ISA_CO_TRY(const auto vm, co_await find(service, request));
  const VmState body{vm.vm_id, vm.status, vm.started_at, vm.exit};
  co_return answer(200, body);
}

// What does not exist for the caller is deleted already.
Answer remove(Service& service, Request& request) {
  const auto vm = co_await find(service, request);
  if (vm || request.identity.is_internal) {
    SandboxId id(request.param("id"));
    ISA_CO_TRYV(co_await service.remove(std::move(id)));
  }
  const VmState body{SandboxId(request.param("id")), VmStatus::deleted, std::nullopt, std::nullopt};
  co_return answer(200, body);
}

Answer start(Service& service, Request& request) {
  ISA_CO_TRY(const auto found, co_await find(service, request));
  ISA_CO_TRY(const auto vm, co_await service.start(found.vm_id, request.deadline));
  co_return answer(200, vm);
}

Answer stop(Service& service, Request& request) {
  ISA_CO_TRY(const auto found, co_await find(service, request));
  ISA_CO_TRY(const auto vm, co_await service.stop(found.vm_id));
  co_return answer(200, vm);
}

Answer bind(Service& service, Request& request) {
  ISA_CO_TRY(auto binding, json::parse_as<VmBinding>(request.body));
  ISA_CO_TRYV(co_await service.bind(SandboxId(request.param("id")), binding));
  co_return answer(200, binding);
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

Answer logs(Service& service, Request& request) {
  ISA_CO_TRY(const auto vm, co_await find(service, request));
  ISA_CO_TRY(auto text, co_await service.logs(vm.vm_id));
  co_return net::Response::text(200, "text/plain; charset=utf-8", std::move(text));
}

Answer lacking(Service& service, Request& request, std::string_view what) {
  ISA_CO_TRY(const auto vm, co_await find(service, request));
  co_return not_implemented("the backend {} cannot {} a sandbox", vm.backend, what);
}

}  // namespace

net::Router routes(Service& service) {
  net::Router router;
  const auto add = [&](Method method, std::string pattern, auto handler, net::RouteOptions options = {}) {
    router.add({method, std::move(pattern),
                [&service, handler](Request& request) { return handler(service, request); },
                std::move(options)});
  };
  const auto add_lacking = [&](Method method, std::string pattern, std::string_view what) {
    add(method, std::move(pattern),
        [what](Service& to, Request& request) { return lacking(to, request, what); });
  };
  net::RouteOptions starting;
  starting.timeout = std::chrono::seconds(60);
  starting.cancel_on_disconnect = true;  // A sandbox that nobody waits for any more is removed again.
  net::RouteOptions internal;
  internal.is_internal = true;

  add(Method::post, "/api/v1/vms", create, starting);
  add(Method::get, "/api/v1/vms", list);
  add(Method::get, "/api/v1/vms/{id}", get);
  add(Method::del, "/api/v1/vms/{id}", remove);
  add(Method::get, "/api/v1/vms/{id}/status", status);
  add(Method::post, "/api/v1/vms/{id}/start", start, starting);
  add(Method::post, "/api/v1/vms/{id}/stop", stop);
  add(Method::put, "/api/v1/vms/{id}/binding", bind, internal);
  add(Method::get, "/api/v1/vms/{id}/egress", egress);
  add(Method::get, "/api/v1/vms/{id}/logs", logs);
  add_broker_routes(router, service.brokerage());
  add_lacking(Method::post, "/api/v1/vms/{id}/exec", "run a command in");
  for (const auto method : {Method::get, Method::put, Method::del})
    add_lacking(method, "/api/v1/vms/{id}/files/{path...}", "reach into the files of");
  add_lacking(Method::get, "/api/v1/vms/{id}/stats", "measure the use of");
  add_lacking(Method::post, "/api/v1/vms/{id}/pause", "pause");
  add_lacking(Method::post, "/api/v1/vms/{id}/resume", "resume");
  add_lacking(Method::post, "/api/v1/vms/{id}/snapshot", "snapshot");
  return router;
}

}  // namespace isa::cloud_os
