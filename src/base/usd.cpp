#include "base/usd.h"

#include <cmath>

namespace isa {
namespace {

constexpr std::int64_t kNanosPerDollar = 1'000'000'000;
constexpr auto kMost = std::numeric_limits<std::int64_t>::max();

}  // namespace

std::optional<Usd> Usd::of_number(double dollars) {
  if (!(dollars >= 0)) return std::nullopt;
  const double nanos = dollars * static_cast<double>(kNanosPerDollar);
  if (nanos >= static_cast<double>(kMost)) return Usd(kMost);
  return Usd(std::llround(nanos));
}

double Usd::number() const {
  return static_cast<double>(nanos_) / static_cast<double>(kNanosPerDollar);
}

std::string Usd::text() const {
  auto text = fmt::format("{}.{:09}", nanos_ / kNanosPerDollar, nanos_ % kNanosPerDollar);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

Usd& Usd::operator+=(Usd other) {
  if (__builtin_add_overflow(nanos_, other.nanos_, &nanos_)) nanos_ = kMost;
  return *this;
}

Result<void> read(const json::value& from, Usd& to, const json::Path& at) {
  double number = 0;
  ISA_TRYV(json::detail::read(from, number, at));
  const auto amount = Usd::of_number(number);
  if (!amount) return json::broken_rule(at, "must be an amount of US dollars, 0 or more");
  to = *amount;
  return ok();
}

json::value write(Usd from) {
  return from.number();
}

}  // namespace isa
