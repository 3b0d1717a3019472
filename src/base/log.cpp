#include "base/log.h"

#include "base/json_text.h"
#include "base/time.h"

#include <atomic>
#include <string>

#include <unistd.h>

namespace isa::log {
namespace {

std::atomic<Level> threshold{Level::info};

void write_stderr(Level, std::string_view line) {
  std::string text(line);
  text.push_back('\n');
  // One write per line keeps lines of several threads whole. A log that cannot be written has no better
  // place.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

std::function<void(Level, std::string_view)>& sink() {
  static std::function<void(Level, std::string_view)> current = write_stderr;
  return current;
}

std::string_view name(Level level) {
  switch (level) {
    case Level::debug: return "debug";
    case Level::info: return "info";
    case Level::warn: return "warn";
    case Level::error: return "error";
  }
  return "error";
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (level < threshold.load(std::memory_order_relaxed)) return;
  boost::json::object line;
  line["time"] = to_rfc3339(now());
  line["level"] = name(level);
  line["event"] = event;
  for (const auto& [key, value] : fields) line[key] = value;
  std::string text;
  json::append(text, line);
  sink()(level, text);
}

}  // namespace

void debug(std::string_view event, std::initializer_list<Field> fields) {
  write(Level::debug, event, fields);
}
void info(std::string_view event, std::initializer_list<Field> fields) {
  write(Level::info, event, fields);
}
void warn(std::string_view event, std::initializer_list<Field> fields) {
  write(Level::warn, event, fields);
}
void error(std::string_view event, std::initializer_list<Field> fields) {
  write(Level::error, event, fields);
}

void set_level(Level level) {
  threshold = level;
}
void set_sink(std::function<void(Level, std::string_view)> next) {
  sink() = next ? std::move(next) : write_stderr;
}

}  // namespace isa::log
