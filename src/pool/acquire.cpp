#include "pool/acquire.h"

#include "base/log.h"
#include "pool/sandbox_config.h"

#include <algorithm>
#include <cmath>

namespace isa::pool {
namespace {

constexpr double kTimeoutDefault = 30;
constexpr double kTimeoutMax = 300;
constexpr std::chrono::seconds kLookAgain{1};  // Whether something became idle in a full pool.

Result<Deadline> deadline_of(const AcquireRequest& request) {
  const auto seconds = request.timeout.value_or(kTimeoutDefault);
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kTimeoutMax)
    return validation_error("timeout must be from 0 to {} seconds", kTimeoutMax).with_param("/timeout");
  return Deadline::after(
      std::chrono::duration_cast<Deadline::Clock::duration>(std::chrono::duration<double>(seconds)));
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
      lease_idle_(settings.lease_idle),
      reclaim_after_(settings.reclaim_after) {}

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
  // What was set is what the first one wished.
  if (!is_first && request.allowance && *flight->result) {
    const auto instance = fleet_.find((*flight->result)->instance_id);
    if (!instance) co_return service_unavailable("the session's sandbox has just ended; ask again");
    ISA_CO_TRYV(co_await allow(instance, request));
  }
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
  auto limited = ok();
  const auto answers = co_await probe_and_allow(instance, request, limited);
  // Alive and busy, or nobody can tell: the lease stands.
  if (!answers && co_await leases_.ended_if_dead(instance)) co_return std::nullopt;
  if (instance->state != State::leased || instance->is_settling) co_return std::nullopt;
  if (!instance->is_bound) {
    ISA_CO_TRY(const auto bound, co_await bind_again(instance, request));
    if (!bound) co_return std::nullopt;
  }
  ISA_CO_TRYV(std::move(limited));
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
    const auto look_again = co_await make_room(ticket.position(), deadline);
    co_await ticket.wait_until(look_again);
  }
}

Task<Deadline> Acquirer::make_room(std::size_t position, Deadline deadline) {
  const auto counts = fleet_.counts();
  const auto coming = counts.unleased();  // For those before this one, as far as it goes.
  if (std::cmp_less(counts.total(), fleet_.shape().max) || coming >= position) co_return deadline;
  const auto idlest = leases_.idlest();
  if (!idlest) co_return deadline.tightened(kLookAgain);
  const auto idle = fleet_.now() - idlest->used_at;
  if (idle < reclaim_after_)
    co_return deadline.tightened(std::min<Deadline::Clock::duration>(reclaim_after_ - idle, kLookAgain));
  co_await leases_.take_back(idlest);
  co_return deadline.tightened(kLookAgain);
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
