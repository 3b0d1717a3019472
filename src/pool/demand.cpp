#include "pool/demand.h"

#include <algorithm>
#include <cmath>

namespace isa::pool {
namespace {

constexpr double kHeadroom = 2;
// Less than this many instances in use while one is made is no reason to keep one warm.
constexpr double kWorthOne = 0.1;
constexpr double kDamping = 0.2;  // Of the creation time: the share of the latest.
constexpr auto kQuiet = std::chrono::milliseconds(25);
constexpr auto kYieldMax = std::chrono::milliseconds(250);

}  // namespace

double Rate::decayed(TimePoint now) const {
  if (now <= at_) return weight_;
  return weight_ * std::exp(-std::chrono::duration<double>(now - at_).count() / memory_.count());
}

void Rate::add(TimePoint now) {
  weight_ = decayed(now) + 1;
  at_ = std::max(at_, now);
}

double Rate::per_second(TimePoint now) const {
  return decayed(now) / memory_.count();
}

void DemandMeter::acquired(TimePoint now) {
  fast_.add(now);
  slow_.add(now);
}

void DemandMeter::created(Deadline::Clock::duration took) {
  const std::chrono::duration<double> seconds = took;
  create_time_ = create_time_.count() == 0 ? seconds : create_time_ * (1 - kDamping) + seconds * kDamping;
}

double DemandMeter::acquires_per_second(TimePoint now) const {
  return std::max(fast_.per_second(now), slow_.per_second(now));
}

std::size_t DemandMeter::target(TimePoint now, std::size_t min, std::size_t max) const {
  const auto wanted = acquires_per_second(now) * create_time_.count() * kHeadroom;
  const auto whole = wanted < kWorthOne ? 0.0 : std::ceil(wanted);
  return std::clamp(static_cast<std::size_t>(whole), std::min(min, max), max);
}

std::size_t TokenBucket::available(TimePoint now) {
  if (at_ != TimePoint{})
    tokens_ = std::min(burst_, tokens_ + std::chrono::duration<double>(now - at_).count() * per_second_);
  at_ = now;
  return tokens_ < 1 ? 0 : static_cast<std::size_t>(tokens_);
}

TimePoint TokenBucket::next(TimePoint now) const {
  if (tokens_ >= 1) return now;
  const std::chrono::duration<double> wait((1 - tokens_) / std::max(per_second_, 0.001));
  return now + std::chrono::ceil<std::chrono::milliseconds>(wait);
}

TimePoint Courtesy::may_begin(TimePoint now, bool has_plenty) {
  if (!wanted_since_) wanted_since_ = now;
  if (!has_plenty || last_ == TimePoint{}) return now;
  return std::min<TimePoint>(last_ + kQuiet, *wanted_since_ + kYieldMax);
}

}  // namespace isa::pool
