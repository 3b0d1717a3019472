#include "store/segment_ledger.h"

#include <algorithm>

namespace isa::store {

void SegmentLedger::begin(Number segment) {
  segments_.try_emplace(segment);
}

void SegmentLedger::event(Number segment, const RunId& run) {
  auto& places = live_[run];
  if (!places.empty() && places.back() == segment) return;
  places.push_back(segment);
  ++segments_[segment].holds;
}

void SegmentLedger::release(Number segment, const RunId& run) {
  const auto found = live_.find(run);
  if (found == live_.end()) return;
  const auto release = std::make_shared<Release>(Release{.segment = segment});
  for (const auto place : found->second) {
    --segments_[place].holds;
    if (place == segment) continue;
    segments_[place].released.push_back(release);
    ++release->waiting_for;
  }
  if (release->waiting_for > 0) ++segments_[segment].holds;
  live_.erase(found);
}

void SegmentLedger::close(Number segment) {
  segments_[segment].is_closed = true;
}

std::optional<SegmentLedger::Number> SegmentLedger::deletable() const {
  const auto found = std::ranges::find_if(
      segments_, [](const auto& entry) { return entry.second.is_closed && entry.second.holds == 0; });
  return found == segments_.end() ? std::nullopt : std::optional(found->first);
}

void SegmentLedger::keep(Number segment) {
  ++segments_[segment].holds;
}

void SegmentLedger::forget(Number segment) {
  const auto found = segments_.find(segment);
  if (found == segments_.end()) return;
  for (const auto& release : found->second.released)
    if (--release->waiting_for == 0) --segments_[release->segment].holds;
  segments_.erase(found);
}

}  // namespace isa::store
