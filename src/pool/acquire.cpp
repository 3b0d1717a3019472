#include "pool/acquire.h"

#include "base/log.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>
#include <cmath>

namespace isa::pool {
namespace {

constexpr double kTimeoutDefault = 30;
constexpr double kTimeoutMax = 300;

// What the request asks of the sandbox beyond its shape. It is bound late and so never makes a start cold.
struct SandboxConfig {
  using json_defaults = void;
  std::map<std::string, std::string> env;          // Of the tools. Never a secret.
  std::optional<std::vector<std::string>> egress;  // Hosts that it may reach; its broker sees to it.
};
BOOST_DESCRIBE_STRUCT(SandboxConfig, (), (env, egress))

Result<SandboxConfig> config_of(const AcquireRequest& request) {
  if (!request.config) return SandboxConfig{};
  auto config = json::read<SandboxConfig>(*request.config);
  if (!config) {
    auto error = std::move(config).error();
    auto param = "/config" + error.param();
    return std::move(error).with_param(std::move(param));
  }
  return config;
}

Result<Deadline> deadline_of(const AcquireRequest& request) {
  const auto seconds = request.timeout.value_or(kTimeoutDefault);
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kTimeoutMax)
    return validation_error("timeout must be from 0 to {} seconds", kTimeoutMax).with_param("/timeout");
  return Deadline::after(
      std::chrono::duration_cast<Deadline::Clock::duration>(std::chrono::duration<double>(seconds)));
}

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

Acquired answer_of(const Instance& instance) {
  Acquired answer;
  answer.instance_id = instance.id;
  answer.lease = {instance.lease->id, instance.lease->fencing_token, instance.lease->expires_at};
  if (instance.endpoint.is_unix()) {
    answer.connection_info.unix_ = instance.endpoint.unix_path;
  } else {
    answer.connection_info.host = instance.endpoint.host;
    answer.connection_info.port = instance.endpoint.port;
  }
  return answer;
}

Task<void> keep(Task<Result<void>> task, Result<void>& result) {
  result = co_await std::move(task);
}

}  // namespace

// One acquire of one session, and who waits for it.
struct Acquirer::Flight {
  Flight(asio::any_io_executor executor, AcquireRequest from)
      : request(std::move(from)), done(std::move(executor)) {}

  AcquireRequest request;
  Signal done;
  std::optional<Result<Acquired>> result;
  std::size_t listeners = 0;
  bool was_heard = false;
};

// A caller's hold on a flight. The last one to let go of a lease that nobody took gives it back.
class Acquirer::Listener {
 public:
  Listener(Acquirer& acquirer, std::shared_ptr<Flight> flight)
      : acquirer_(acquirer), flight_(std::move(flight)) {
    ++flight_->listeners;
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() {
    --flight_->listeners;
    acquirer_.release_if_unheard(flight_);
  }

 private:
  Acquirer& acquirer_;
  std::shared_ptr<Flight> flight_;
};

Acquirer::Acquirer(Fleet& fleet, WaitQueue& queue, Refill& refill, Leases& leases, TaskGroup& tasks,
                   const Settings& settings)
    : fleet_(fleet),
      queue_(queue),
      refill_(refill),
      leases_(leases),
      tasks_(tasks),
      warm_claim_timeout_(settings.warm_claim_timeout),
      bind_timeout_(settings.create_timeout),
      lease_idle_(settings.lease_idle) {}

Task<Result<Acquired>> Acquirer::acquire(AcquireRequest request) {
  if (is_closed_) co_return service_unavailable("the pool manager is shutting down");
  ISA_CO_TRYV(deadline_of(request));
  ISA_CO_TRYV(config_of(request));
  std::shared_ptr<Flight> flight;
  if (const auto found = flights_.find(request.session_id); found != flights_.end()) {
    flight = found->second;
    // Somebody else's session does not exist for this caller.
    if (flight->request.user_id != request.user_id)
      co_return not_found("session {} does not exist", request.session_id.value());
  }
  const bool is_first = !flight;
  if (is_first) flight = std::make_shared<Flight>(tasks_.executor(), std::move(request));
  const Listener listener(*this, flight);
  if (is_first) {
    flights_.emplace(flight->request.session_id, flight);
    tasks_.spawn("pool.acquire", fly(*this, flight));
  }
  while (!flight->result) co_await flight->done.wait();
  flight->was_heard = true;
  co_return *flight->result;
}

Task<void> Acquirer::fly(Acquirer& self, std::shared_ptr<Flight> flight) {
  struct Landing {
    Acquirer& self;
    const std::shared_ptr<Flight>& flight;
    ~Landing() {
      if (!flight->result) flight->result = service_unavailable("the pool manager is shutting down");
      self.flights_.erase(flight->request.session_id);
      flight->done.notify();
      self.release_if_unheard(flight);
    }
  } landing{self, flight};
  const auto start = Deadline::Clock::now();
  const auto deadline = deadline_of(flight->request);  // Looked at before.
  auto result = deadline ? co_await self.perform(flight->request, *deadline)
                         : Result<Acquired>(Failure(deadline.error()));
  if (result) {
    const auto took = Deadline::Clock::now() - start;
    result->pool_type = self.fleet_.shape().pool_type;
    result->wait_ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    self.count(*result, took);
  } else {
    self.refused(result.error());
  }
  flight->result = std::move(result);
}

void Acquirer::count(const Acquired& answer, Deadline::Clock::duration took) {
  auto& totals = fleet_.totals();
  if (answer.resumed) {
    ++totals.resumed;
    return fleet_.meters().resumed();
  }
  ++totals.acquired;
  totals.waits.add(took);
  refill_.note_acquire();
  if (!answer.warm) return fleet_.meters().cold(took);
  ++totals.acquired_warm;
  fleet_.meters().hit(took);
}

void Acquirer::missed(Miss why) {
  ++fleet_.totals().misses[std::string(json::name_of(why))];
  fleet_.meters().miss(why);
}

void Acquirer::fell_back(Fallback why) {
  ++fleet_.totals().fallbacks[std::string(json::name_of(why))];
  fleet_.meters().fallback(why);
}

void Acquirer::refused(const Error& error) {
  auto why = Refusal::other;
  if (error.code() == "pool_exhausted") why = Refusal::exhausted;
  if (error.code() == "pool_draining") why = Refusal::draining;
  if (error.code() == "pool_cannot_create") why = Refusal::cannot_create;
  if (error.code() == "store_unavailable") why = Refusal::store_unavailable;
  ++fleet_.totals().refusals[std::string(json::name_of(why))];
  fleet_.meters().refuse(why);
}

void Acquirer::set_draining(bool is_draining) {
  is_draining_ = is_draining;
  refill_.set_draining(is_draining);
  queue_.wake_all();
}

void Acquirer::release_if_unheard(const std::shared_ptr<Flight>& flight) {
  if (flight->listeners > 0 || flight->was_heard || is_closed_) return;
  if (!flight->result || !*flight->result || (*flight->result)->resumed) return;
  flight->was_heard = true;
  const auto instance = fleet_.find((*flight->result)->instance_id);
  if (!instance) return;
  log::info("pool.lease_untaken",
            {{"instance_id", instance->id.value()}, {"trace_id", flight->request.trace.id()}});
  const auto drain = [](Fleet& fleet, InstancePtr untaken) -> Task<void> {
    // What cannot be ended now ends with its lease.
    static_cast<void>(co_await fleet.drain(std::move(untaken)));
  };
  tasks_.spawn("pool.release_untaken", drain(fleet_, instance));
}

Task<Result<Acquired>> Acquirer::perform(const AcquireRequest& request, Deadline deadline) {
  if (!fleet_.is_shared()) {
    ISA_CO_TRY(auto known, co_await resume_known(request));
    if (known) co_return *std::move(known);
  }
  ISA_CO_TRY(auto tried, co_await try_warm(request, deadline));
  if (tried.answer) co_return *std::move(tried.answer);
  if (is_draining_) co_return draining();
  co_return co_await wait_in_line(request, std::move(tried.cold_reason), deadline);
}

// Alone on its store, memory knows every session.
Task<Result<std::optional<Acquired>>> Acquirer::resume_known(const AcquireRequest& request) {
  const auto held = fleet_.find_session(request.session_id);
  if (!held) co_return std::nullopt;
  co_return co_await resume(held, request);
}

// The session's instance when it lives. One whose sandbox died meanwhile is settled, and the session gets
// another.
Task<Result<std::optional<Acquired>>> Acquirer::resume(InstancePtr instance, const AcquireRequest& request) {
  if (instance->lease->user_id != request.user_id)
    co_return not_found("session {} does not exist", request.session_id.value());
  const auto answers = co_await fleet_.runtime().probe(instance->endpoint, Deadline::after(kProbeWithin));
  // Alive and busy, or nobody can tell: the lease stands.
  if (!answers && co_await leases_.ended_if_dead(instance)) co_return std::nullopt;
  if (instance->state != State::leased || instance->is_settling) co_return std::nullopt;
  if (!instance->is_bound) {
    ISA_CO_TRY(const auto bound, co_await bind_again(instance, request));
    if (!bound) co_return std::nullopt;
  }
  ISA_CO_TRYV(co_await follow_egress(instance, request));
  instance->is_suspect = false;
  auto used = co_await leases_.use(instance);
  if (!used && used.error().kind() == ErrorKind::service_unavailable)
    co_return Failure(std::move(used).error());
  if (!used) co_return std::nullopt;  // It ended meanwhile.
  auto answer = answer_of(*instance);
  answer.resumed = true;
  co_return answer;
}

// A shared store is asked in any case: the session may have its instance through another pool manager.
Task<Result<Acquirer::Tried>> Acquirer::try_warm(const AcquireRequest& request, Deadline deadline) {
  Tried tried;
  const auto others_wait = !queue_.empty();
  const auto may_claim = !others_wait && !is_draining_ && (fleet_.is_shared() || fleet_.counts().warm > 0);
  const auto missed_because = [&](Miss why, std::string_view reason) {
    if (!is_draining_) missed(why);
    tried.cold_reason = reason;
  };
  if (!may_claim && !others_wait) missed_because(Miss::no_warm, "no warm instance");
  if (others_wait) missed_because(Miss::others_waiting, "others wait already");
  if (!may_claim && !fleet_.is_shared()) co_return tried;

  const auto warm_deadline = deadline.tightened(warm_claim_timeout_);
  auto lease = new_lease(request);
  ISA_CO_TRY(auto held,
             co_await fleet_.claim(std::move(lease), may_claim ? Fleet::Want::any : Fleet::Want::held));
  if (!held) {
    if (may_claim && fleet_.counts().warm > 0)
      missed_because(Miss::just_taken, "the warm instances were just taken");
    else if (may_claim)
      missed_because(Miss::no_warm, "no warm instance");
    co_return tried;
  }
  if (!held->is_new) {
    ISA_CO_TRY(tried.answer, co_await resume(held->instance, request));
    if (!tried.answer) tried.cold_reason = "the session's sandbox had ended";
    co_return tried;
  }
  const auto bound = co_await settle_in(held->instance, request, warm_deadline);
  if (bound) {
    tried.answer = answer_of(*held->instance);
    tried.answer->warm = true;
    co_return tried;
  }
  fell_back(bound.error().kind() == ErrorKind::timeout ? Fallback::bind_timeout : Fallback::bind_failed);
  tried.cold_reason = fmt::format("warm instance {} could not be bound: {}", held->instance->id.value(),
                                  bound.error().message());
  co_return tried;
}

Task<Result<Acquired>> Acquirer::wait_in_line(const AcquireRequest& request, std::string cold_reason,
                                              Deadline deadline) {
  WaitQueue::Ticket ticket(queue_, request.session_id, request.user_id);
  refill_.poke();
  while (true) {
    if (is_draining_) co_return draining();
    if (ticket.take_call()) {
      auto lease = new_lease(request);
      ISA_CO_TRY(auto held, co_await fleet_.claim(std::move(lease)));
      if (held && !held->is_new) {
        ISA_CO_TRY(auto resumed, co_await resume(held->instance, request));
        if (resumed) co_return *std::move(resumed);
      } else if (held) {
        ticket.leave();
        ISA_CO_TRYV(co_await settle_in(held->instance, request, Deadline::after(bind_timeout_)));
        auto answer = answer_of(*held->instance);
        answer.cold_reason = std::move(cold_reason);
        co_return answer;
      }
    }
    if (deadline.passed()) co_return out_of_time(ticket.position());
    if (auto trouble = refill_.trouble();
        trouble && (fleet_.count(State::creating) == 0 || trouble->code() == "store_unavailable"))
      co_return std::move(*trouble);
    co_await ticket.wait_until(deadline);
  }
}

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
  auto bind_it = keep(fleet_.vms().bind(instance->sandbox_id, std::move(binding)), bound);
  auto init_it =
      keep(fleet_.runtime().init(instance->endpoint, init_of(*instance, request, std::move(config)),
                                 Deadline::after(bind_timeout_)),
           initialised);
  co_await (std::move(bind_it) && std::move(init_it));
  if (!bound && bound.error().kind() == ErrorKind::not_found)
    co_return service_unavailable("the sandbox of instance {} is gone", instance->id.value());
  ISA_CO_TRYV(std::move(bound));
  // The binding holds for this very lease, so it was for this lease that somebody initialised before us: an
  // earlier life, or another pool manager that was asked for the same session.
  const bool may_be_initialised = instance->is_adopted || fleet_.is_shared();
  if (!initialised && !(may_be_initialised && initialised.error().kind() == ErrorKind::conflict))
    co_return initialised;
  instance->is_bound = true;
  instance->egress = std::move(allowed);
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

store::Lease Acquirer::new_lease(const AcquireRequest& request) const {
  store::Lease lease;
  lease.id = LeaseId::make();
  lease.session_id = request.session_id;
  lease.user_id = request.user_id;
  lease.org_id = request.org_id;
  lease.agent_config_id = request.agent_config_id;
  lease.acquired_at = fleet_.now();
  lease.expires_at = lease.acquired_at + lease_idle_;
  return lease;
}

Error Acquirer::draining() const {
  return service_unavailable(
             "the pool '{}' is draining: it takes no new sessions until an operator opens it again",
             fleet_.shape().pool)
      .with_code("pool_draining")
      .with_retry_after(std::chrono::seconds(30));
}

Error Acquirer::out_of_time(std::size_t position) const {
  const auto& shape = fleet_.shape();
  auto reason =
      refill_.last_error() ? fmt::format(" The last creation failed: {}.", *refill_.last_error()) : "";
  return service_unavailable(
             "no sandbox of the pool '{}' came free in time: {} of {} are leased, and this request was "
             "number {} in "
             "the queue.{} Retry later, end a session, or raise pool.{}.max.",
             shape.pool, fleet_.counts().leased, shape.max, position, reason, shape.pool_type)
      .with_code("pool_exhausted")
      .with_retry_after(std::chrono::seconds(5));
}

}  // namespace isa::pool
