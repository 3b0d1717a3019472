// The pool over what it runs on: SQLite, bubblewrap sandboxes with the agent runtime inside, and the model
// service behind their brokers. Its own logic is tested apart, in src/pool.
#include "cloud_os/probe.h"
#include "cloud_os/service.h"
#include "model/service.h"
#include "pool/direct_chat.h"
#include "pool/testing.h"

namespace isa::pool::testing {
namespace {

cloud_os::Settings sandbox_settings() {
  cloud_os::Settings settings;
  settings.shim_path = ISA_SHIM;
  settings.runtime_path = ISA_RUNTIME;
  return settings;
}

// The reason why sandboxes cannot run on this machine; empty when they can.
const std::string& why_no_sandboxes() {
  static const std::string reason = [] {
    const isa::testing::TempFolder folder;
    auto backend = cloud_os::probe(sandbox_settings(), folder.path()).take_backend();
    return backend ? std::string() : backend.error().message();
  }();
  return reason;
}

struct Platform {
  Platform(asio::any_io_executor on, const Settings& with)
      : executor(on),
        store(must(store::sqlite::SqliteStore::open(folder / "isa.db"))),
        models(model::Settings{}, http),
        settings(with) {
    restart_cloud_os();
    restart_pool();
  }
  void restart_cloud_os() {
    vms.reset();  // One process at a time serves the folder.
    brokerage.reset();
    brokerage = must(cloud_os::Brokerage::open(executor, folder.path(), sandbox_settings(), models, metrics));
    auto backend = must(cloud_os::probe(sandbox_settings(), folder.path()).take_backend());
    vms = std::make_unique<cloud_os::Service>(executor, folder.path(), sandbox_settings(), std::move(backend),
                                              *brokerage);
  }
  void restart_pool() { pool = std::make_unique<Service>(executor, settings, store->pool(), *vms); }
  Fleet& fleet() { return must(pool->pool("agent"))->fleet(); }

  isa::testing::TempFolder folder;
  asio::any_io_executor executor;
  std::unique_ptr<store::sqlite::SqliteStore> store;
  net::Client http;
  model::Service models;
  net::Metrics metrics;
  std::unique_ptr<cloud_os::Brokerage> brokerage;
  std::unique_ptr<cloud_os::Service> vms;
  Settings settings;
  std::unique_ptr<Service> pool;
};

Task<void> start(Platform& platform) {
  const auto started = co_await platform.vms->start();
  if (!started) throw std::runtime_error(started.error().message());
  co_await platform.pool->start();
  if (!co_await platform.pool->wait_until_filled(soon())) throw std::runtime_error("the pool does not fill");
}

template <class Use>
void on_real_sandboxes(const Settings& settings, Use use) {
  isa::testing::run([](const Settings& with, Use& body) -> Task<void> {
    Platform platform(co_await asio::this_coro::executor, with);
    try {
      co_await start(platform);
      co_await body(platform);
    } catch (const std::exception& e) {
      ADD_FAILURE() << e.what();
    }
    co_await platform.pool->stop(true);
    const auto left = co_await platform.vms->list({});
    EXPECT_TRUE(left.has_value() && left->empty());
    EXPECT_TRUE((co_await platform.vms->stop_all()).has_value());
  }(settings, use));
}

Task<Acquired> acquired(Platform& platform, std::string session) {
  auto result = co_await platform.pool->acquire("agent", request_of(std::move(session)));
  co_return must(std::move(result));
}

Task<std::string> ask(Platform& platform, Acquired lease, std::string prompt) {
  sdk::AgentSpec agent;
  agent.name = "test";
  agent.model = "builtin/demo";
  auto& pool = *must(platform.pool->pool("agent"));
  auto answer =
      co_await query(pool, pool.fleet().find(lease.instance_id), std::move(prompt), std::move(agent));
  co_return must(std::move(answer));
}

TEST(RealSandboxes, AnswerAChatFromAWarmInstanceAndAreDestroyedOnRelease) {
  if (!why_no_sandboxes().empty()) GTEST_SKIP() << why_no_sandboxes();
  on_real_sandboxes(small_pool(3, 6), [](Platform& platform) -> Task<void> {
    const auto lease = co_await acquired(platform, "s1");
    EXPECT_TRUE(lease.warm) << lease.cold_reason.value_or("");
    EXPECT_NE((co_await ask(platform, lease, "What is 3 + 4?")).find("7"), std::string::npos);
    const auto sandbox = platform.fleet().find(lease.instance_id)->sandbox_id;
    EXPECT_TRUE(
        (co_await platform.pool->release("agent", lease.instance_id, lease.lease.fencing_token)).has_value());
    EXPECT_EQ(kind_of((co_await platform.vms->find(sandbox)).error()), "not_found");
    EXPECT_TRUE(co_await platform.pool->wait_until_filled(soon()));
  });
}

TEST(RealSandboxes, KeepALeaseOverARestartOfEveryService) {
  if (!why_no_sandboxes().empty()) GTEST_SKIP() << why_no_sandboxes();
  on_real_sandboxes(small_pool(1, 4), [](Platform& platform) -> Task<void> {
    const auto before = co_await acquired(platform, "s1");
    co_await platform.pool->stop(false);
    co_await platform.vms->stop();
    platform.pool.reset();
    platform.restart_cloud_os();
    platform.restart_pool();
    co_await start(platform);
    const auto after = co_await acquired(platform, "s1");
    EXPECT_TRUE(after.resumed);
    EXPECT_EQ(after.instance_id, before.instance_id);
    EXPECT_NE((co_await ask(platform, after, "What is 20 + 3?")).find("23"), std::string::npos);
  });
}

TEST(RealSandboxes, AreReplacedForTheirSessionWhenTheyDie) {
  if (!why_no_sandboxes().empty()) GTEST_SKIP() << why_no_sandboxes();
  on_real_sandboxes(small_pool(1, 4), [](Platform& platform) -> Task<void> {
    const auto first = co_await acquired(platform, "s1");
    EXPECT_TRUE(
        (co_await platform.vms->stop(platform.fleet().find(first.instance_id)->sandbox_id)).has_value());
    const auto second = co_await acquired(platform, "s1");
    EXPECT_NE(second.instance_id, first.instance_id);
    const auto old = co_await platform.pool->renew("agent", first.instance_id, first.lease.fencing_token);
    EXPECT_EQ(old.error().code(), "lease_lost");
  });
}

}  // namespace
}  // namespace isa::pool::testing
