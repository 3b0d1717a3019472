// Keeps a pool filled: decides how many instances to make, and makes them.
#pragma once

#include "base/task_group.h"
#include "pool/fleet.h"
#include "pool/wait_queue.h"

namespace isa::pool {

struct Demand {
  std::size_t creating = 0;
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

class Refill {
 public:
  Refill(Fleet& fleet, WaitQueue& queue, TaskGroup& tasks, const Settings& settings);

  // Runs until cancelled; wakes when the fleet changes or somebody joins the queue.
  Task<void> run();
  void poke() { fleet_.changed().notify(); }

  // Why instances cannot be made, while that is so: after several failures in a row and before the next
  // attempt. Waiting longer would not help a caller now.
  std::optional<Error> trouble() const;
  const std::optional<std::string>& last_error() const { return last_error_; }

 private:
  void start_creations();
  static Task<void> create_one(Refill& self, std::shared_ptr<Fleet::Creation> creation);

  Fleet& fleet_;
  WaitQueue& queue_;
  TaskGroup& tasks_;
  Pace pace_;
  Deadline::Clock::duration create_timeout_;
  std::optional<std::string> last_error_;
};

}  // namespace isa::pool
