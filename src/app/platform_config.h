// Every setting of the program, by section. The sections of the roles are theirs; here they are only put
// together.
#pragma once

#include "agent/settings.h"
#include "app/settings_source.h"
#include "auth/settings.h"
#include "cloud_os/settings.h"
#include "model/settings.h"
#include "pool/settings.h"
#include "store/redis/settings.h"

#include <string>
#include <vector>

namespace isa::app {

// ~/.local/share/isa, or what XDG_DATA_HOME says (XDG Base Directory Specification).
std::string default_data_dir();

struct AppSettings {
  std::string data_dir = default_data_dir();
  std::string log_level = "info";
  std::string agent_listen = "127.0.0.1:8080";
  std::string pool_listen = "127.0.0.1:8090";
  std::string cloud_os_listen = "127.0.0.1:8086";
  std::string model_listen = "127.0.0.1:8082";
  std::string tls_certificate;
  std::string tls_key;
  std::string agent_pool_url = "http://127.0.0.1:8090";
  std::string agent_model_url = "http://127.0.0.1:8082";
  std::string pool_cloud_os_url = "http://127.0.0.1:8086";
  std::string cloud_os_model_url = "http://127.0.0.1:8082";
  std::string metrics_token;
  std::string agent_secrets_key;

  static constexpr auto settings() {
    using config::secret;
    using config::setting;
    using S = AppSettings;
    return std::tuple(
        setting("data_dir", &S::data_dir, "where everything is kept; one platform at a time"),
        setting("log.level", &S::log_level, "debug, info, warn or error"),
        setting("agent.listen", &S::agent_listen, "address of the agent service: host:port or unix:/path"),
        setting("pool.listen", &S::pool_listen, "address of the pool manager"),
        setting("cloud_os.listen", &S::cloud_os_listen, "address of cloud_os"),
        setting("model.listen", &S::model_listen, "address of the model service"),
        setting("tls.certificate", &S::tls_certificate,
                "PEM file; with tls.key, every TCP listener speaks TLS"),
        setting("tls.key", &S::tls_key, "PEM file of the certificate's private key"),
        setting("agent.pool_url", &S::agent_pool_url, "under `isa serve agent`: where the pool manager is"),
        setting("agent.model_url", &S::agent_model_url,
                "under `isa serve agent`: where the model service is"),
        setting("pool.cloud_os_url", &S::pool_cloud_os_url, "under `isa serve pool`: where cloud_os is"),
        setting("cloud_os.model_url", &S::cloud_os_model_url,
                "under `isa serve cloud_os`: where the model service is"),
        secret("metrics.token", &S::metrics_token, "bearer token that may read /metrics from other machines"),
        secret("agent.secrets_key", &S::agent_secrets_key,
               "64 hexadecimal digits that the secrets of webhooks are sealed with; when empty, the file "
               "agent-secrets.key of the data folder, which is made"));
  }
};

struct PlatformConfig {
  AppSettings app;
  auth::Settings auth;
  agent::AgentServiceConfig agent;
  pool::Settings pool;
  store::redis::Settings redis;
  cloud_os::Settings cloud_os;
  model::Settings model;
};

Result<PlatformConfig> load_config(const SettingsInput& input);
std::vector<config::Description> describe(const PlatformConfig& config);
void print_settings(const PlatformConfig& config, bool explain);

}  // namespace isa::app
