#pragma once

#include "base/settings.h"

namespace isa::cloud_os {

struct Settings {
  std::string backend = "auto";
  bool insecure_no_isolation = false;
  std::string docker_socket;
  std::string docker_image = "isa-runtime";
  bool bridge_network = false;
  std::string runtime_path;
  std::string shim_path;
  std::int64_t create_parallel = 4;
  std::int64_t uid_base = 200'000;
  std::int64_t log_bytes = 1 << 20;
  std::chrono::milliseconds orphan_grace{60'000};
  std::vector<std::string> egress_hosts;
  std::string egress_ca;
  std::string secrets_key;
  std::int64_t audit_days = 90;
  std::string web_search_provider;
  std::string web_search_url;
  std::string web_search_api_key;
  std::int64_t web_search_per_minute = 30;

  static constexpr auto settings() {
    using config::secret;
    using config::setting;
    return std::tuple(
        setting(
            "cloud_os.backend", &Settings::backend,
            "what isolates sandboxes: bubblewrap, docker, or auto for the first of them that is usable; or "
            "process, which isolates nothing"),
        setting(
            "cloud_os.insecure_no_isolation", &Settings::insecure_no_isolation,
            "cloud_os.backend may be process: whatever an agent runs can then read, change and reach what "
            "the platform's user can; for trying isA out where nothing else works"),
        setting("cloud_os.docker_socket", &Settings::docker_socket,
                "Unix socket of the Docker engine; empty: what DOCKER_HOST says, or /var/run/docker.sock"),
        setting("cloud_os.docker_image", &Settings::docker_image,
                "image of the sandboxes that name none; ./dev image builds it"),
        setting(
            "cloud_os.bridge_network", &Settings::bridge_network,
            "sandboxes may ask for the network of the Docker engine, which takes them past every allow-list "
            "and to whatever this host can reach; programs that serve a port of their own need it"),
        setting("cloud_os.runtime_path", &Settings::runtime_path,
                "the first process of a sandbox; empty: isa-runtime beside the isa program"),
        setting("cloud_os.shim_path", &Settings::shim_path,
                "the supervisor of one sandbox; empty: isa-shim beside the isa program"),
        setting("cloud_os.create_parallel", &Settings::create_parallel,
                "sandboxes that are created at the same time"),
        setting("cloud_os.uid_base", &Settings::uid_base,
                "as root, sandbox n runs as user and group uid_base + n on the host; the range must be "
                "nobody else's"),
        setting("cloud_os.log_bytes", &Settings::log_bytes, "bytes of a sandbox's output that are kept"),
        setting("cloud_os.orphan_grace", &Settings::orphan_grace,
                "a sandbox that exists without a record is removed when it is so old"),
        setting(
            "cloud_os.egress_hosts", &Settings::egress_hosts,
            "hosts that sandboxes with egress find here and not by DNS: name=address or name=address:port, "
            "separated by commas; these, being your word, may be private addresses"),
        setting(
            "cloud_os.egress_ca", &Settings::egress_ca,
            "PEM file of certificate authorities that are trusted, besides the system's, where a secret is "
            "added to a request"),
        secret("cloud_os.secrets_key", &Settings::secrets_key,
               "64 hexadecimal digits that secrets are sealed with; empty: the file secrets.key of the data "
               "folder, which is made at first use"),
        setting("cloud_os.audit_days", &Settings::audit_days,
                "days that the audit trail of sandboxes is kept"),
        setting("cloud_os.web_search.provider", &Settings::web_search_provider,
                "who answers the tool web_search: searxng, brave or tavily; empty: nobody"),
        setting("cloud_os.web_search.url", &Settings::web_search_url,
                "where the search provider is; SearXNG's instance must give JSON (search.formats of its "
                "settings.yml). Empty: brave's or tavily's own"),
        secret("cloud_os.web_search.api_key", &Settings::web_search_api_key,
               "key of the search provider; sent to it alone"),
        setting("cloud_os.web_search.per_minute", &Settings::web_search_per_minute,
                "searches of one sandbox in a minute"));
  }
};

}  // namespace isa::cloud_os
