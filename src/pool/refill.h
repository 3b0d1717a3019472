// Keeps a pool filled: decides how many instances to make, and makes them.
#pragma once

#include "base/task_group.h"
#include "pool/demand.h"
#include "pool/fleet.h"
#include "pool/wait_queue.h"

namespace isa::pool {

struct Demand {
  std::size_t creating = 0;
  std::size_t creating_here = 0;  // Of those, by this pool manager: others make theirs for their own callers.
  std::size_t warm = 0;
  std::size_t leased = 0;
  std::size_t leaving = 0;  // draining, or failed and not removed yet: they still hold resources.
  std::size_t waiting = 0;  // Callers in the queue.
  std::size_t target_warm = 0;
  std::size_t max = 0;
};

// How many more creations the pool wants at all, never past `max`. Instances on their way out count as
// occupying towards the warm target, so that churn does not overshoot; a waiting caller is not made to wait
// for them.
std::size_t creations_wanted(const Demand& demand);
// Those of them that callers wait for.
std::size_t creations_for_callers(const Demand& demand);

// Slow start and back-off: 1, 2, 4 ... creations at once while they succeed; after a failure one at a time,
// each later than the last. Several that fail together are one failure.
class Pace {
 public:
  Pace(std::size_t parallel_max, Deadline::Clock::duration first, Deadline::Clock::duration longest)
      : parallel_max_(parallel_max), first_(first), longest_(longest) {}

  void succeeded();
  void failed(Deadline::Clock::time_point now);
  std::size_t parallel() const { return parallel_; }
  std::size_t failures() const { return failures_; }  // In a row.
  Deadline::Clock::time_point not_before() const { return not_before_; }

 private:
  std::size_t parallel_max_;
  Deadline::Clock::duration first_, longest_;
  std::size_t parallel_ = 1;
  std::size_t failures_ = 0;
  Deadline::Clock::time_point not_before_{};
};

// Callers' creations come first and are held back only while creating fails; those that fill the pool up
// start slowly, are limited in their rate, and yield to acquires.
class Refill {
 public:
  Refill(Fleet& fleet, WaitQueue& queue, TaskGroup& tasks, const Settings& settings);

  // Runs until cancelled; wakes when the fleet changes or somebody joins the queue.
  Task<void> run();
  void poke() { fleet_.changed().notify(); }
  // An instance was just handed out.
  void note_acquire();
  // Nothing is made while the pool drains.
  void set_draining(bool is_draining);

  std::size_t target() const;
  double acquires_per_second() const { return meter_.acquires_per_second(Deadline::Clock::now()); }
  // Why instances cannot be made, while that is so: after several failures in a row and before the next
  // attempt, or without the store. Waiting longer would not help a caller now.
  std::optional<Error> trouble() const;
  std::optional<BackOff> back_off() const;
  const std::optional<std::string>& last_error() const { return last_error_; }

 private:
  enum class Purpose { caller, pool };
  // Returns when to look again though nothing has changed.
  Deadline start_creations();
  void start(std::size_t count, Purpose purpose);
  static Task<void> create_one(Refill& self, std::shared_ptr<Fleet::Creation> creation, store::PoolRoom room);
  Demand demand() const;
  void publish();

  Fleet& fleet_;
  WaitQueue& queue_;
  TaskGroup& tasks_;
  std::size_t parallel_max_;
  Pace pace_;
  TokenBucket bucket_;
  DemandMeter meter_;
  Courtesy courtesy_;
  Deadline::Clock::duration create_timeout_;
  bool is_draining_ = false;
  TimePoint no_room_until_{};  // The store had no room: what we know of it is old.
  std::optional<Error> store_trouble_;
  std::optional<std::string> last_error_;
  std::size_t published_target_ = 0, published_waiting_ = 0;
};

}  // namespace isa::pool
