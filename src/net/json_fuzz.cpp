// What the strict parser takes can be written and read again; the reader of described structs refuses or
// fills, and what it filled is written as what it read.
#include "base/json.h"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

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
  const auto written = isa::json::serialize(*document);
  const auto again = isa::json::parse(written, {.depth = 16});
  fuzz::check(again && isa::json::serialize(*again) == written);
  if (lenient)
    fuzz::check(
        isa::json::parse_as<fuzz::Lenient>(isa::json::serialize(isa::json::write(*lenient))).has_value());
  if (!outer) return 0;
  const auto once = isa::json::serialize(isa::json::write(*outer));
  const auto back = isa::json::parse_as<fuzz::Outer>(once);
  fuzz::check(back && isa::json::serialize(isa::json::write(*back)) == once);
  return 0;
}
