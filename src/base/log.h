// Structured logs: one JSON object per line, {"time","level","event",...fields}.
//
//   log::info("sandbox.started", {{"sandbox_id", id.value()}, {"wait_ms", 12}});
//
// `event` is a stable, dotted name that a person can grep for; everything variable is a field. Never put a
// secret, a prompt or a header's value in a field.
#pragma once

#include <boost/json/fwd.hpp>
#include <boost/json/value.hpp>

#include <functional>
#include <initializer_list>
#include <string_view>
#include <type_traits>

namespace isa::log {

enum class Level { debug, info, warn, error };

struct Field {
  template <class T>
  Field(std::string_view name, const T& from) : key(name), value(to_value(from)) {}

  std::string_view key;
  boost::json::value value;

 private:
  template <class T>
  static boost::json::value to_value(const T& from) {
    if constexpr (std::is_convertible_v<const T&, std::string_view>)
      return boost::json::value(std::string_view(from));
    else
      return boost::json::value(from);
  }
};

void debug(std::string_view event, std::initializer_list<Field> fields = {});
void info(std::string_view event, std::initializer_list<Field> fields = {});
void warn(std::string_view event, std::initializer_list<Field> fields = {});
void error(std::string_view event, std::initializer_list<Field> fields = {});

void set_level(Level level);
// Where finished lines (without newline) go; the default, and an empty one, writes to stderr.
// Thread-safe sinks only. Set once, before threads start.
void set_sink(std::function<void(Level, std::string_view line)> sink);

}  // namespace isa::log
