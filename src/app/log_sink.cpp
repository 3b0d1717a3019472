#include "app/log_sink.h"

#include "base/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace isa::app {
namespace {

constexpr std::size_t kQueuedLinesMax =
    8192;  // Past it the oldest lines go: a blocked log never stops the platform.

spdlog::level::level_enum to_spdlog(log::Level level) {
  switch (level) {
    case log::Level::debug: return spdlog::level::debug;
    case log::Level::info: return spdlog::level::info;
    case log::Level::warn: return spdlog::level::warn;
    case log::Level::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

log::Level level_named(std::string_view name) {
  if (name == "debug") return log::Level::debug;
  if (name == "warn") return log::Level::warn;
  if (name == "error") return log::Level::error;
  return log::Level::info;
}

}  // namespace

void install_log_sink(std::string_view level) {
  spdlog::init_thread_pool(kQueuedLinesMax, 1);
  auto logger = std::make_shared<spdlog::async_logger>(
      "isa", std::make_shared<spdlog::sinks::stderr_sink_mt>(), spdlog::thread_pool(),
      spdlog::async_overflow_policy::overrun_oldest);
  logger->set_pattern("%v");
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::warn);
  spdlog::set_default_logger(logger);
  spdlog::flush_every(std::chrono::seconds(1));
  log::set_level(level_named(level));
  log::set_sink([logger](log::Level at, std::string_view line) {
    logger->log(to_spdlog(at), spdlog::string_view_t(line.data(), line.size()));
  });
}

void flush_log() {
  log::set_sink([](log::Level, std::string_view) {});
  spdlog::shutdown();
}

}  // namespace isa::app
