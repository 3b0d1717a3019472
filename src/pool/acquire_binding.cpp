// How an instance becomes that of a session: whom it speaks for, what it may reach, what its run may use.
#include "base/log.h"
#include "pool/acquire.h"
#include "pool/sandbox_config.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>

namespace isa::pool {
namespace {

cloud_os::VmBinding binding_of(const Instance& instance, const AcquireRequest& request,
                               std::optional<std::vector<std::string>> egress) {
  cloud_os::VmBinding binding;
  binding.lease_id = instance.lease->id.value();
  binding.user_id = request.user_id;
  binding.org_id = request.org_id;
  if (request.agent_config_id) binding.agent_config_id = request.agent_config_id->value();
  binding.session_id = request.session_id.value();
  binding.egress = std::move(egress);
  return binding;
}

sdk::RuntimeInit init_of(const Instance& instance, const AcquireRequest& request, SandboxConfig config) {
  sdk::RuntimeInit init;
  init.session_id = request.session_id.value();
  init.user_id = request.user_id.value();
  init.hostname = instance.id.value();
  std::ranges::replace(init.hostname, '_', '-');  // RFC 952
  init.env = std::move(config.env);
  init.trace = request.trace;
  init.env["ISA_SESSION_ID"] = init.session_id;
  init.env["ISA_USER_ID"] = init.user_id;
  init.env["ISA_EXECUTION_MODE"] = "cloud_pool";
  return init;
}

Task<void> keep(Task<Result<void>> task, Result<void>& result) {
  result = co_await std::move(task);
}

}  // namespace

Task<Result<void>> Acquirer::settle_in(InstancePtr instance, const AcquireRequest& request,
                                       Deadline deadline) {
  auto bound = co_await with_deadline(deadline, bind(instance, request), "it did not finish in time");
  if (!bound) give_up(std::move(instance), bound.error());
  co_return bound;
}

// Of a lease from an earlier life, or from another pool manager: it may have been handed out, and then the
// session's files are in this very sandbox. So only a sandbox that is gone, or that refuses this lease for
// good, is given up: false. One that merely does not answer now is asked again, and the sweep ends it when it
// is dead.
Task<Result<bool>> Acquirer::bind_again(InstancePtr instance, const AcquireRequest& request) {
  auto bound = co_await with_deadline(Deadline::after(bind_timeout_), bind(instance, request),
                                      "it did not finish in time");
  if (bound) co_return true;
  if (co_await leases_.ended_if_dead(instance)) co_return false;
  if (bound.error().kind() == ErrorKind::validation_error) co_return Failure(std::move(bound).error());
  if (bound.error().kind() == ErrorKind::conflict) {
    give_up(instance, bound.error());
    co_return false;
  }
  co_return service_unavailable("the sandbox of session {} does not answer at the moment ({}); ask again",
                                request.session_id.value(), bound.error().message())
      .with_retry_after(std::chrono::seconds(1));
}

void Acquirer::give_up(InstancePtr instance, const Error& why) {
  tasks_.spawn("pool.fail",
               fleet_.fail(std::move(instance), "it could not be bound to its lease: " + why.message()));
}

Task<Result<void>> Acquirer::bind(InstancePtr instance, const AcquireRequest& request) {
  using namespace asio::experimental::awaitable_operators;
  ISA_CO_TRY(auto config, config_of(request));
  auto binding = binding_of(*instance, request, config.egress);

  auto allowed = config.egress;
  // Side by side: the runtime runs nothing for the user before acquire has answered, and until it is bound
  // its broker refuses everything.
  auto bound = ok();
  auto initialised = ok();
  auto limited = ok();
  auto bind_it = keep(fleet_.vms().bind(instance->sandbox_id, std::move(binding)), bound);
  auto init_it =
      keep(fleet_.runtime().init(instance->endpoint, init_of(*instance, request, std::move(config)),
                                 Deadline::after(bind_timeout_)),
           initialised);
  auto limit_it = keep(allow(instance, request), limited);
  co_await (std::move(bind_it) && std::move(init_it) && std::move(limit_it));
  if (!bound && bound.error().kind() == ErrorKind::not_found)
    co_return service_unavailable("the sandbox of instance {} is gone", instance->id.value());
  ISA_CO_TRYV(std::move(bound));
  ISA_CO_TRYV(std::move(limited));
  // The binding holds for this very lease, so it was for this lease that somebody initialised before us: an
  // earlier life, or another pool manager that was asked for the same session.
  const bool may_be_initialised = instance->is_adopted || fleet_.is_shared();
  if (!initialised && !(may_be_initialised && initialised.error().kind() == ErrorKind::conflict))
    co_return initialised;
  instance->is_bound = true;
  instance->egress = std::move(allowed);
  co_return ok();
}

// The limits of the run that begins. One without limits needs no call, unless an earlier run left some.
Task<Result<void>> Acquirer::allow(InstancePtr instance, const AcquireRequest& request) {
  if (!request.allowance) co_return ok();
  const bool is_limited = request.allowance->is_limited();
  if (!is_limited && !instance->may_be_limited && !fleet_.is_shared()) co_return ok();
  instance->may_be_limited = true;
  ISA_CO_TRYV(co_await fleet_.vms().allow(instance->sandbox_id, *request.allowance));
  instance->may_be_limited = is_limited;
  co_return ok();
}

// Whoever resumes a session may come with another allow-list than its last message did.
Task<Result<void>> Acquirer::follow_egress(InstancePtr instance, const AcquireRequest& request) {
  ISA_CO_TRY(const auto config, config_of(request));
  if (config.egress == instance->egress) co_return ok();
  ISA_CO_TRYV(
      co_await fleet_.vms().bind(instance->sandbox_id, binding_of(*instance, request, config.egress)));
  instance->egress = config.egress;
  co_return ok();
}

// Side by side, so that the limits of a run cost no time where a probe is made anyway.
Task<Result<void>> Acquirer::probe_and_allow(InstancePtr instance, const AcquireRequest& request,
                                             Result<void>& limited) {
  using namespace asio::experimental::awaitable_operators;
  auto answers = ok();
  auto probe_it = keep(fleet_.runtime().probe(instance->endpoint, Deadline::after(kProbeWithin)), answers);
  auto limit_it = keep(allow(instance, request), limited);
  co_await (std::move(probe_it) && std::move(limit_it));
  co_return answers;
}

}  // namespace isa::pool
