#include "app/platform_config.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace isa::app {

std::string default_data_dir() {
  if (const char* base = std::getenv("XDG_DATA_HOME"); base && *base) return std::string(base) + "/isa";
  const char* home = std::getenv("HOME");
  return std::string(home && *home ? home : "/var/lib") + (home && *home ? "/.local/share/isa" : "/isa");
}

namespace {

Result<void> check_pool_store(const PlatformConfig& config, const config::Source& source) {
  if (config.pool.store != "sqlite" && config.pool.store != "redis")
    return validation_error("pool.store: '{}' is not one of sqlite, redis", config.pool.store);
  // Everybody on the machine sees the command lines of processes.
  if (const auto found = source.find("redis.password");
      found != source.end() && found->second.origin == "--set")
    return validation_error(
        "redis.password is not taken from the command line; set ISA_REDIS_PASSWORD or redis.password_file");
  if (config.pool.store != "redis") return ok();
  ISA_TRYV(store::redis::target_of(config.redis));
  return ok();
}

}  // namespace

std::vector<config::Description> describe(const PlatformConfig& config) {
  std::vector<config::Description> all;
  config::describe(config.app, all);
  config::describe(config.auth, all);
  config::describe(config.agent, all);
  config::describe(config.pool, all);
  config::describe(config.redis, all);
  config::describe(config.cloud_os, all);
  config::describe(config.model, all);
  std::ranges::sort(all, {}, &config::Description::name);
  return all;
}

Result<PlatformConfig> load_config(const SettingsInput& input) {
  ISA_TRY(const auto source, merge_settings(input, describe({})));
  std::set<std::string, std::less<>> unread;
  PlatformConfig config;
  ISA_TRY(config.app, config::read<AppSettings>(source, unread));
  ISA_TRY(config.auth, config::read<auth::Settings>(source, unread));
  ISA_TRY(config.agent, config::read<agent::AgentServiceConfig>(source, unread));
  ISA_TRY(config.pool, config::read<pool::Settings>(source, unread));
  ISA_TRY(config.redis, config::read<store::redis::Settings>(source, unread));
  ISA_TRY(config.cloud_os, config::read<cloud_os::Settings>(source, unread));
  ISA_TRY(config.model, config::read<model::Settings>(source, unread));
  if (config.app.tls_certificate.empty() != config.app.tls_key.empty())
    return validation_error("tls.certificate and tls.key go together: set both or none");
  const std::vector<std::string> levels = {"debug", "info", "warn", "error"};
  if (std::ranges::count(levels, config.app.log_level) == 0)
    return validation_error("log.level: '{}' is not one of debug, info, warn, error", config.app.log_level);
  ISA_TRYV(check_pool_store(config, source));
  return config;
}

void print_settings(const PlatformConfig& config, bool explain) {
  for (const auto& setting : describe(config)) {
    if (explain) std::printf("# %s (%s)\n", setting.help.c_str(), environment_name(setting.name).c_str());
    std::printf("%s: %s\n%s", setting.name.c_str(), setting.value.c_str(), explain ? "\n" : "");
  }
}

}  // namespace isa::app
