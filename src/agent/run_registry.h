#pragma once

#include "agent/live_run.h"

#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

namespace isa::agent {

// The live runs of this process: found by id, and in order by session, since the runs of one session wait for
// each other. Lives on the service's event loop.
class RunRegistry {
 public:
  explicit RunRegistry(asio::any_io_executor executor) : removed_(std::move(executor)) {}

  // To the end of its session's queue, with the next place there; one that comes with a place keeps it.
  void add(std::shared_ptr<LiveRun> run);
  // Puts a run that waits right before another that waits in the same queue, or at its end. Both must not be
  // first. All of the queue get new places.
  void move(const LiveRun& run, const LiveRun* before);
  // Wakes the runs behind it.
  void remove(const LiveRun& run);

  std::shared_ptr<LiveRun> find(const RunId& id) const;
  std::vector<std::shared_ptr<LiveRun>> all() const;
  std::vector<std::shared_ptr<LiveRun>> of_session(const SessionId& session) const;
  // Runs of its session that come before it.
  std::size_t ahead_of(const LiveRun& run) const;
  std::size_t size() const { return runs_.size(); }
  Task<void> wait_until_empty(Deadline deadline);

 private:
  std::unordered_map<RunId, std::shared_ptr<LiveRun>> runs_;
  std::unordered_map<SessionId, std::deque<std::shared_ptr<LiveRun>>> queues_;
  std::int64_t last_place_ = 0;
  Signal removed_;
};

}  // namespace isa::agent
