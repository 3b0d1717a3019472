#include "app/serve.h"

#include "app/log_sink.h"
#include "app/platform.h"
#include "base/log.h"

#include <csignal>
#include <cstdio>
#include <filesystem>
namespace isa::app {
namespace {

// Signals are waited for on the main thread; blocked before any other thread starts, which inherits that.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

int wait_for(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
  return signal;
}

void print_addresses(const Endpoints& endpoints, bool is_tls) {
  std::printf("isA is up.\n");
  for (const auto& [role, endpoint] : endpoints)
    std::printf("  %-9s %s\n", role.c_str(), url_of(endpoint, is_tls).c_str());
  if (endpoints.contains("agent")) {
    std::printf(
        "\nFirst chat:\n  isa agents create First --model builtin/demo\n  isa chat First \"What is 2+2?\"\n"
        "Stop with Ctrl-C.\n");
  }
  std::fflush(stdout);
}

// What is built in (templates, skills) lies beside the source while developing and under share/isa when
// installed.
std::string find_built_in(const std::string& configured, std::string_view name) {
  namespace fs = std::filesystem;
  std::error_code ec;
  if (fs::exists(configured, ec)) return configured;
  const auto program = fs::read_symlink("/proc/self/exe", ec).parent_path();
  for (const auto& candidate : {program / "../.." / name, program / "../share/isa" / name}) {
    if (fs::exists(candidate, ec)) return fs::weakly_canonical(candidate, ec).string();
  }
  return configured;
}

}  // namespace

const std::vector<std::string>& all_roles() {
  static const std::vector<std::string> roles = {"agent", "pool", "cloud_os", "model"};
  return roles;
}

Result<void> serve(const PlatformConfig& given, const std::vector<std::string>& roles, bool drain) {
  auto config = given;
  std::error_code ec;
  config.app.data_dir = std::filesystem::absolute(config.app.data_dir, ec).string();
  config.agent.templates_dir = find_built_in(config.agent.templates_dir, "templates");
  config.agent.skills_dir = find_built_in(config.agent.skills_dir, "skills");
  config.agent.default_model = config.model.default_model;

  const auto signals = block_signals();
  install_log_sink(config.app.log_level);
  const bool is_tls = !config.app.tls_key.empty();
  Platform platform(config, {roles.begin(), roles.end()});
  auto started = platform.start();
  if (!started) {
    flush_log();
    return started;
  }
  print_addresses(platform.endpoints(), is_tls);
  log::info("platform.ready", {{"roles", static_cast<std::int64_t>(roles.size())}});

  const int signal = wait_for(signals);
  log::info("platform.stopping", {{"signal", signal}});
  // A second signal ends the process at once, as it does any other.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  platform.stop(drain);
  log::info("platform.stopped");
  flush_log();
  return ok();
}

}  // namespace isa::app
