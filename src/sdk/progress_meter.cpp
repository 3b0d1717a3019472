#include "sdk/progress_meter.h"

#include "base/utf8.h"

namespace isa::sdk {
namespace {

// The end of `text`, from the beginning of a character on.
std::string_view end_of(std::string_view text, std::size_t max) {
  auto from = text.size() - max;
  while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80) ++from;
  return text.substr(from);
}

}  // namespace

void ProgressMeter::add(const ToolProgress& news) {
  has_news_ = true;
  if (news.percent) percent_ = news.percent;
  text_ += std::string_view(news.text).substr(news.text.size() - std::min(news.text.size(), 2 * kTextMax));
  is_cut_ = is_cut_ || news.text.size() > 2 * kTextMax;
  // Cut back when it has doubled, so that a byte is moved once.
  if (text_.size() <= 4 * kTextMax) return;
  text_.erase(0, text_.size() - 2 * kTextMax);
  is_cut_ = true;
}

ToolProgress ProgressMeter::take(Clock::time_point now) {
  const auto unfinished = unfinished_utf8(text_);
  auto shown = std::string_view(text_).substr(0, text_.size() - unfinished);
  const bool is_cut = is_cut_ || shown.size() > kTextMax;
  if (shown.size() > kTextMax) shown = end_of(shown, kTextMax);
  ToolProgress news{(is_cut ? "[...]" : "") + std::string(shown), percent_};
  text_.erase(0, text_.size() - unfinished);
  has_news_ = is_cut_ = false;
  due_ = now + (++taken_ < kOftenMax ? kOften : kRarely);
  return news;
}

}  // namespace isa::sdk
