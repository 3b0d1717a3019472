#include "base/settings.h"

#include <charconv>
#include <cmath>

namespace isa::config {
namespace {

template <class T>
bool parse_number(T& to, std::string_view from) {
  const auto [end, ec] = std::from_chars(from.data(), from.data() + from.size(), to);
  return ec == std::errc() && end == from.data() + from.size();
}

}  // namespace

Result<void> assign(std::string& to, std::string_view from) {
  to = std::string(from);
  return ok();
}

Result<void> assign(std::int64_t& to, std::string_view from) {
  if (!parse_number(to, from)) return validation_error("'{}' is not an integer", from);
  return ok();
}

Result<void> assign(double& to, std::string_view from) {
  if (!parse_number(to, from) || !std::isfinite(to)) return validation_error("'{}' is not a number", from);
  return ok();
}

Result<void> assign(bool& to, std::string_view from) {
  if (from == "true" || from == "1" || from == "on" || from == "yes") return to = true, ok();
  if (from == "false" || from == "0" || from == "off" || from == "no") return to = false, ok();
  return validation_error("'{}' is neither true nor false", from);
}

Result<void> assign(std::chrono::milliseconds& to, std::string_view from) {
  std::int64_t count = 0;
  const auto unit_at = from.find_first_not_of("0123456789");
  const auto unit = unit_at == std::string_view::npos ? std::string_view() : from.substr(unit_at);
  const std::int64_t scale = unit == "ms"  ? 1
                             : unit == "s" ? 1'000
                             : unit == "m" ? 60'000
                             : unit == "h" ? 3'600'000
                                           : 0;
  if (scale == 0 || !parse_number(count, from.substr(0, unit_at)) || count > (INT64_MAX / scale))
    return validation_error("'{}' is not a duration such as 250ms, 30s, 5m or 2h", from);
  to = std::chrono::milliseconds(count * scale);
  return ok();
}

Result<void> assign(std::vector<std::string>& to, std::string_view from) {
  to.clear();
  while (!from.empty()) {
    const auto comma = from.find(',');
    auto item = from.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) to.emplace_back(item);
    if (comma == std::string_view::npos) break;
    from.remove_prefix(comma + 1);
  }
  return ok();
}

std::string show(const std::string& value) {
  return value;
}
std::string show(std::int64_t value) {
  return std::to_string(value);
}
std::string show(double value) {
  return fmt::format("{}", value);
}
std::string show(bool value) {
  return value ? "true" : "false";
}
std::string show(std::chrono::milliseconds value) {
  const auto count = value.count();
  if (count != 0 && count % 3'600'000 == 0) return fmt::format("{}h", count / 3'600'000);
  if (count != 0 && count % 60'000 == 0) return fmt::format("{}m", count / 60'000);
  if (count != 0 && count % 1'000 == 0) return fmt::format("{}s", count / 1'000);
  return fmt::format("{}ms", count);
}
std::string show(const std::vector<std::string>& value) {
  std::string text;
  for (const auto& item : value) text += (text.empty() ? "" : ",") + item;
  return text;
}

}  // namespace isa::config
