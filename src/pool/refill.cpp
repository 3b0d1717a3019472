#include "pool/refill.h"

#include "base/log.h"

#include <algorithm>

namespace isa::pool {
namespace {

// One failure may be bad luck; a caller is told only when it looks like more.
constexpr std::size_t kFailuresBeforeTelling = 3;
// What other pool managers do is seen by looking: soon while somebody waits here.
constexpr auto kLookAgain = std::chrono::seconds(1);
constexpr auto kLookAgainForCallers = std::chrono::milliseconds(100);

std::size_t less(std::size_t from, std::size_t what) {
  return from > what ? from - what : 0;
}

}  // namespace

namespace {

std::size_t room_for(const Demand& d) {
  return less(d.max, d.creating + d.warm + d.leased + d.leaving);
}

Deadline at(TimePoint when, TimePoint now) {
  return Deadline::after(when - now);
}

}  // namespace

std::size_t creations_for_callers(const Demand& d) {
  return std::min(less(d.waiting, d.creating_here + d.warm), room_for(d));
}

std::size_t creations_wanted(const Demand& d) {
  const auto for_target = less(d.waiting + d.target_warm, d.creating + d.warm + d.leaving);
  return std::max(creations_for_callers(d), std::min(for_target, room_for(d)));
}

void Pace::succeeded() {
  failures_ = 0;
  not_before_ = {};
  parallel_ = std::min(parallel_ * 2, parallel_max_);
}

void Pace::failed(Deadline::Clock::time_point now) {
  if (now < not_before_) return;
  const auto doublings = std::min<std::size_t>(failures_++, 20);
  parallel_ = 1;
  not_before_ = now + std::min(longest_, first_ * (std::int64_t{1} << doublings));
}

Refill::Refill(Fleet& fleet, WaitQueue& queue, TaskGroup& tasks, const Settings& settings)
    : fleet_(fleet),
      queue_(queue),
      tasks_(tasks),
      parallel_max_(static_cast<std::size_t>(std::max<std::int64_t>(1, settings.max_parallel_creates))),
      pace_(parallel_max_, settings.retry_first, settings.retry_max),
      // The first fill is one burst.
      bucket_(settings.refill_per_second, static_cast<double>(fleet.shape().warm + parallel_max_)),
      create_timeout_(settings.create_timeout) {}

Task<void> Refill::run() {
  while (true) {
    const auto seen = fleet_.changed().changes();
    auto again = Deadline::after(queue_.empty() ? kLookAgain : kLookAgainForCallers);
    auto looked = co_await fleet_.look();
    const bool is_known = looked.has_value();
    if (is_known) {
      store_trouble_.reset();
      const auto wish = start_creations();
      if (!fleet_.is_shared() || wish.time() < again.time()) again = wish;
      queue_.call();
    } else {
      store_trouble_ = std::move(looked).error();
      queue_.wake_all();
    }
    publish();
    // A creation can fail before spawn() has returned: look again.
    if (is_known && fleet_.changed().changes() != seen) continue;
    co_await fleet_.changed().wait(again);
  }
}

Demand Refill::demand() const {
  const auto counts = fleet_.counts();
  const auto here = fleet_.count(State::creating);
  // What was begun a moment ago may not be in the store yet.
  return {.creating = std::max(counts.creating, here),
          .creating_here = here,
          .warm = counts.warm,
          .leased = counts.leased,
          .leaving = counts.leaving + counts.outdated,
          .waiting = queue_.size(),
          .target_warm = target(),
          .max = fleet_.shape().max};
}

Deadline Refill::start_creations() {
  const auto now = Deadline::Clock::now();
  if (now < pace_.not_before()) return at(pace_.not_before(), now);
  if (now < no_room_until_) return at(no_room_until_, now);
  if (is_draining_) return Deadline::never();
  const auto wanted = demand();
  const auto here = fleet_.count(State::creating);
  const auto parallel = pace_.failures() == 0 ? parallel_max_ : pace_.parallel();
  const auto for_callers = creations_for_callers(wanted);
  start(std::min(for_callers, less(parallel, here)), Purpose::caller);
  const auto for_pool = less(creations_wanted(wanted), for_callers);
  if (for_pool == 0) courtesy_.begun();
  if (for_callers > 0 || for_pool == 0 || here >= pace_.parallel()) return Deadline::never();

  const auto begin = courtesy_.may_begin(now, wanted.warm * 2 >= wanted.target_warm);
  if (begin > now) return at(begin, now);
  const auto tokens = bucket_.available(now);
  if (tokens == 0) return at(bucket_.next(now), now);
  start(std::min({for_pool, less(pace_.parallel(), here), tokens}), Purpose::pool);
  courtesy_.begun();
  return Deadline::never();  // The end of one of them wakes us.
}

void Refill::start(std::size_t count, Purpose purpose) {
  const auto max = fleet_.shape().max;
  const store::PoolRoom room{.total = max,
                             .unleased = purpose == Purpose::pool ? target() + queue_.size() : max};
  for (std::size_t i = 0; i < count; ++i) {
    if (purpose == Purpose::pool) bucket_.take();
    tasks_.spawn("pool.create", create_one(*this, fleet_.begin_creation(), room));
  }
}

Task<void> Refill::create_one(Refill& self, std::shared_ptr<Fleet::Creation> creation, store::PoolRoom room) {
  const auto start = Deadline::Clock::now();
  const auto created =
      co_await self.fleet_.create(std::move(creation), room, Deadline::after(self.create_timeout_));
  if (!created) {
    self.pace_.failed(Deadline::Clock::now());
    self.last_error_ = created.error().message();
    log::warn("pool.create_failed", {{"pool", self.fleet_.shape().pool},
                                     {"failures", self.pace_.failures()},
                                     {"error", created.error().message()},
                                     {"detail", created.error().detail()}});
    self.queue_.wake_all();
  } else if (*created) {
    self.pace_.succeeded();
    self.meter_.created(Deadline::Clock::now() - start);
    self.last_error_.reset();
  } else {
    self.no_room_until_ = Deadline::Clock::now() + kLookAgainForCallers;
  }
  self.poke();
}

void Refill::note_acquire() {
  const auto now = Deadline::Clock::now();
  meter_.acquired(now);
  courtesy_.acquired(now);
}

void Refill::set_draining(bool is_draining) {
  is_draining_ = is_draining;
  poke();
}

std::size_t Refill::target() const {
  if (is_draining_) return 0;
  return meter_.target(Deadline::Clock::now(), fleet_.shape().warm, fleet_.shape().max);
}

void Refill::publish() {
  const auto now_target = target(), now_waiting = queue_.size();
  if (now_target != published_target_)
    fleet_.meters().target_changed(static_cast<double>(now_target) - static_cast<double>(published_target_));
  if (now_waiting != published_waiting_)
    fleet_.meters().waiting_changed(static_cast<double>(now_waiting) -
                                    static_cast<double>(published_waiting_));
  published_target_ = now_target;
  published_waiting_ = now_waiting;
}

std::optional<BackOff> Refill::back_off() const {
  const auto now = Deadline::Clock::now();
  if (pace_.failures() == 0) return std::nullopt;
  const auto wait = std::max(pace_.not_before() - now, Deadline::Clock::duration::zero());
  return BackOff{static_cast<std::int64_t>(pace_.failures()),
                 std::chrono::ceil<std::chrono::milliseconds>(wait).count(),
                 last_error_.value_or("the reason is in the log")};
}

std::optional<Error> Refill::trouble() const {
  if (store_trouble_) return store_trouble_;
  const auto now = Deadline::Clock::now();
  if (pace_.failures() < kFailuresBeforeTelling || now >= pace_.not_before()) return std::nullopt;
  const auto wait = std::chrono::ceil<std::chrono::seconds>(pace_.not_before() - now);
  return service_unavailable("no sandbox can be created for the pool '{}': {}", fleet_.shape().pool,
                             last_error_.value_or("the reason is in the log"))
      .with_code("pool_cannot_create")
      .with_retry_after(wait);
}

}  // namespace isa::pool
