#include "pool/refill.h"

#include "base/log.h"

#include <algorithm>

namespace isa::pool {
namespace {

// One failure may be bad luck; a caller is told only when it looks like more.
constexpr std::size_t kFailuresBeforeTelling = 3;

std::size_t less(std::size_t from, std::size_t what) {
  return from > what ? from - what : 0;
}

}  // namespace

std::size_t creations_wanted(const Demand& d) {
  const auto for_callers = less(d.waiting, d.creating + d.warm);
  const auto for_target = less(d.waiting + d.target_warm, d.creating + d.warm + d.leaving);
  const auto room = less(d.max, d.creating + d.warm + d.leased + d.leaving);
  return std::min(std::max(for_callers, for_target), room);
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
      pace_(static_cast<std::size_t>(std::max<std::int64_t>(1, settings.max_parallel_creates)),
            settings.retry_first, settings.retry_max),
      create_timeout_(settings.create_timeout) {}

Task<void> Refill::run() {
  while (true) {
    const auto seen = fleet_.changed().changes();
    // Read once: a pause that ended between two readings would be waited for without end.
    const auto now = Deadline::Clock::now();
    const bool may_create = now >= pace_.not_before();
    if (may_create) start_creations();
    queue_.call();
    // A creation can fail before spawn() has returned: look again.
    if (fleet_.changed().changes() != seen) continue;
    const auto pause = may_create ? Deadline::never() : Deadline::after(pace_.not_before() - now);
    co_await fleet_.changed().wait(pause);
  }
}

void Refill::start_creations() {
  const auto creating = fleet_.count(State::creating);
  const auto wanted =
      creations_wanted({.creating = creating,
                        .warm = fleet_.count(State::warm),
                        .leased = fleet_.count(State::leased),
                        .leaving = fleet_.count(State::draining) + fleet_.count(State::failed),
                        .waiting = queue_.size(),
                        .target_warm = fleet_.shape().warm,
                        .max = fleet_.shape().max});
  const auto start = std::min(wanted, less(pace_.parallel(), creating));
  for (std::size_t i = 0; i < start; ++i)
    tasks_.spawn("pool.create", create_one(*this, fleet_.begin_creation()));
}

Task<void> Refill::create_one(Refill& self, std::shared_ptr<Fleet::Creation> creation) {
  const auto created =
      co_await self.fleet_.create(std::move(creation), Deadline::after(self.create_timeout_));
  if (created) {
    self.pace_.succeeded();
    self.last_error_.reset();
  } else {
    self.pace_.failed(Deadline::Clock::now());
    self.last_error_ = created.error().message();
    log::warn("pool.create_failed", {{"pool_type", self.fleet_.shape().pool_type},
                                     {"failures", self.pace_.failures()},
                                     {"error", created.error().message()},
                                     {"detail", created.error().detail()}});
    self.queue_.wake_all();
  }
  self.poke();
}

std::optional<Error> Refill::trouble() const {
  const auto now = Deadline::Clock::now();
  if (pace_.failures() < kFailuresBeforeTelling || now >= pace_.not_before()) return std::nullopt;
  const auto wait = std::chrono::ceil<std::chrono::seconds>(pace_.not_before() - now);
  return service_unavailable("no sandbox can be created for the pool '{}': {}", fleet_.shape().pool_type,
                             last_error_.value_or("the reason is in the log"))
      .with_retry_after(wait);
}

}  // namespace isa::pool
