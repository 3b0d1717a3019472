#include "agent/run_registry.h"

#include <algorithm>

namespace isa::agent {

void RunRegistry::add(std::shared_ptr<LiveRun> run) {
  if (run->place == 0) run->place = last_place_ + 1;
  last_place_ = std::max(last_place_, run->place);
  runs_.emplace(run->id, run);
  queues_[run->order.session.id].push_back(std::move(run));
}

void RunRegistry::remove(const LiveRun& run) {
  const auto keep = find(run.id);  // The queue and the map may hold the last references.
  const auto queue = queues_.find(run.order.session.id);
  if (queue != queues_.end()) {
    std::erase(queue->second, keep);
    for (const auto& waiting : queue->second) waiting->changed.notify();
    if (queue->second.empty()) queues_.erase(queue);
  }
  runs_.erase(run.id);
  removed_.notify();
}

void RunRegistry::move(const LiveRun& run, const LiveRun* before) {
  auto& queue = queues_.at(run.order.session.id);
  const auto moved = find(run.id);
  std::erase(queue, moved);
  const auto place = before
                         ? std::ranges::find_if(queue, [&](const auto& one) { return one->id == before->id; })
                         : queue.end();
  queue.insert(place, moved);
  for (const auto& one : queue) one->place = ++last_place_;
  for (const auto& waiting : queue) waiting->changed.notify();
}

std::shared_ptr<LiveRun> RunRegistry::find(const RunId& id) const {
  const auto found = runs_.find(id);
  return found == runs_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<LiveRun>> RunRegistry::all() const {
  std::vector<std::shared_ptr<LiveRun>> list;
  for (const auto& [id, run] : runs_) list.push_back(run);
  return list;
}

std::vector<std::shared_ptr<LiveRun>> RunRegistry::of_session(const SessionId& session) const {
  const auto queue = queues_.find(session);
  if (queue == queues_.end()) return {};
  return {queue->second.begin(), queue->second.end()};
}

std::size_t RunRegistry::ahead_of(const LiveRun& run) const {
  const auto queue = queues_.find(run.order.session.id);
  if (queue == queues_.end()) return 0;
  const auto place =
      std::ranges::find_if(queue->second, [&](const auto& other) { return other->id == run.id; });
  return static_cast<std::size_t>(place - queue->second.begin());
}

Task<void> RunRegistry::wait_until_empty(Deadline deadline) {
  while (!runs_.empty() && !deadline.passed()) co_await removed_.wait(deadline);
}

}  // namespace isa::agent
