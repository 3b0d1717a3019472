#pragma once

#include "base/settings.h"
#include "net/endpoint.h"

namespace isa::store::redis {

// Of the Redis that pool managers share (pool.store: redis).
struct Settings {
  std::string url = "redis://127.0.0.1:6379/0";
  std::string user;
  std::string password;
  std::string password_file;
  std::string prefix = "isa";
  std::chrono::milliseconds timeout{std::chrono::seconds(1)};

  static constexpr auto settings() {
    using config::secret;
    using config::setting;
    using S = Settings;
    return std::tuple(
        setting(
            "redis.url", &S::url,
            "redis://host:port/database, rediss:// for TLS, or unix:/path[?db=database]; without a password"),
        setting("redis.user", &S::user, "name to log in with; empty: Redis' default user"),
        secret("redis.password", &S::password, "password; from the environment or the settings file only"),
        setting("redis.password_file", &S::password_file,
                "file that holds the password, instead of redis.password"),
        setting("redis.prefix", &S::prefix, "begins the name of every key; one for each installation"),
        setting("redis.timeout", &S::timeout, "Redis counts as away when it does not answer in this time"));
  }
};

// Where and as whom, checked: what Settings mean.
struct Target {
  net::Endpoint endpoint;
  std::int64_t database = 0;
  std::string user, password;
};
Result<Target> target_of(const Settings& settings);

}  // namespace isa::store::redis
