#pragma once

#include "base/ids.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace isa::store {

// Which segments of the event log are still needed. Fed with every record in the order of the log.
//
// A closed segment is needed while it holds an event of a live run, or the release of a run of which another
// segment still holds events: without the release those would come back to life.
class SegmentLedger {
 public:
  using Number = std::uint64_t;

  void begin(Number segment);
  void event(Number segment, const RunId& run);
  void release(Number segment, const RunId& run);
  void close(Number segment);  // Nothing follows in it.

  bool is_live(const RunId& run) const { return live_.contains(run); }
  // A closed segment that nothing needs; the caller deletes it and says so by forget(). Then ask again: that
  // may have freed another.
  std::optional<Number> deletable() const;
  void forget(Number segment);
  void keep(Number segment);  // It could not be deleted: it is not offered again.

 private:
  struct Release {
    Number segment = 0;
    std::size_t waiting_for = 0;  // Segments that hold events of the released run.
  };
  struct Segment {
    bool is_closed = false;
    std::size_t holds = 0;
    std::vector<std::shared_ptr<Release>> released;  // Whose events are in here.
  };

  std::map<Number, Segment> segments_;
  std::unordered_map<RunId, std::vector<Number>> live_;
};

}  // namespace isa::store
