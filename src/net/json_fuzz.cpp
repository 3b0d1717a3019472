// What the strict parser takes can be written and read again; the reader of described structs refuses or
// fills, and what it filled is written as what it read.
#include "base/json.h"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>

namespace fuzz {

enum class Color { red, green, private_ };
BOOST_DESCRIBE_ENUM(Color, red, green, private_)

struct Inner {
  std::string name;
  std::int32_t count = 0;
};
BOOST_DESCRIBE_STRUCT(Inner, (), (name, count))

struct Lenient {
  using json_defaults = void;
  using json_ignore_unknown = void;
  std::int64_t number = 7;
  bool flag = false;
};
BOOST_DESCRIBE_STRUCT(Lenient, (), (number, flag))

struct Outer {
  isa::AgentId id;
  std::optional<std::string> title;
  isa::Presence<std::uint16_t> port;
  std::vector<Inner> items;
  std::map<std::string, double> weights;
  std::optional<Color> color;
  std::optional<isa::Timestamp> at;
  std::optional<isa::json::object> extra;
  std::optional<Lenient> lenient;
};
BOOST_DESCRIBE_STRUCT(Outer, (), (id, title, port, items, weights, color, at, extra, lenient))

void check(bool holds) {
  if (!holds) std::abort();
}

// Boost.JSON 1.81 reads a double up to a few units in the last place beside its text.
bool is_same(const isa::json::value& a, const isa::json::value& b) {
  if (a.is_double() && b.is_double()) {
    const double x = a.get_double();
    const double y = b.get_double();
    return std::abs(x - y) <= 1e-12 * std::max(std::abs(x), std::abs(y)) ||
           std::abs(x) + std::abs(y) < 1e-290;
  }
  if (a.is_array() && b.is_array()) return std::ranges::equal(a.get_array(), b.get_array(), is_same);
  if (a.is_object() && b.is_object())
    return std::ranges::equal(a.get_object(), b.get_object(), [](const auto& x, const auto& y) {
      return x.key() == y.key() && is_same(x.value(), y.value());
    });
  return a == b;
}

}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = isa::json::parse(text, {.depth = 16});
  const auto lenient = isa::json::parse_as<fuzz::Lenient>(text);
  const auto outer = isa::json::parse_as<fuzz::Outer>(text);
  if (!document) {
    fuzz::check(!lenient && !outer && !document.error().message().empty());
    return 0;
  }
  const auto again = isa::json::parse(isa::json::serialize(*document), {.depth = 16});
  fuzz::check(again && fuzz::is_same(*again, *document));
  if (lenient)
    fuzz::check(
        isa::json::parse_as<fuzz::Lenient>(isa::json::serialize(isa::json::write(*lenient))).has_value());
  if (!outer) return 0;
  const auto once = isa::json::write(*outer);
  const auto back = isa::json::parse_as<fuzz::Outer>(isa::json::serialize(once));
  fuzz::check(back && fuzz::is_same(isa::json::write(*back), once));
  return 0;
}
