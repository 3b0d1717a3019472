// What a long call says of itself, thinned out to what a person can follow and a log can hold.
#pragma once

#include "sdk/tool_context.h"

namespace isa::sdk {

class ProgressMeter {
 public:
  using Clock = Deadline::Clock;

  // Of a call that begins now: the first news is due a second later, so that short calls have none; then
  // every second, and every five seconds once there were ten.
  explicit ProgressMeter(Clock::time_point begin) : due_(begin + kOften) {}

  void add(const ToolProgress& news);
  bool has_news() const { return has_news_; }
  // When to take() next; the end of time when there are no news.
  Clock::time_point due() const { return has_news_ ? due_ : Clock::time_point::max(); }
  // All news since the last time. Of a long text its end, at most kTextMax bytes, behind a marker; bytes that
  // begin a character and do not finish it wait for the next time.
  ToolProgress take(Clock::time_point now);

 private:
  static constexpr std::size_t kTextMax = 1024;  // Bytes.
  static constexpr std::chrono::seconds kOften{1};
  static constexpr std::chrono::seconds kRarely{5};
  static constexpr int kOftenMax = 10;

  std::string text_;
  std::optional<double> percent_;
  bool has_news_ = false;
  bool is_cut_ = false;
  Clock::time_point due_;
  int taken_ = 0;
};

}  // namespace isa::sdk
