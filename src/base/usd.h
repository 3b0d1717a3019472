#pragma once

#include "base/json.h"

#include <compare>

namespace isa {

// An amount of US dollars: whole billionths, so that adding up small amounts loses nothing. Never negative.
// Sums beyond nine billion dollars stay there.
class Usd {
 public:
  constexpr Usd() = default;
  static constexpr Usd of_nanos(std::int64_t nanos) { return Usd(nanos < 0 ? 0 : nanos); }
  // The nearest amount to a number as JSON has it; nothing for what is negative or no number.
  static std::optional<Usd> of_number(double dollars);

  constexpr std::int64_t nanos() const { return nanos_; }
  double number() const;     // For JSON. Up to two million dollars, of_number() gives the same amount again.
  std::string text() const;  // "0.0042"

  Usd& operator+=(Usd other);
  friend constexpr auto operator<=>(Usd, Usd) = default;

  // Found by base/json.h: on the wire an amount is a number.
  friend Result<void> read(const json::value& from, Usd& to, const json::Path& at);
  friend json::value write(Usd from);

 private:
  constexpr explicit Usd(std::int64_t nanos) : nanos_(nanos) {}
  std::int64_t nanos_ = 0;
};

}  // namespace isa
