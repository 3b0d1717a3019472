// Support of the tests with several pool managers: each is a service with a view of its own on one store,
// over the same sandboxes.
#pragma once

#include "pool/flaky_store.h"
#include "pool/testing.h"

namespace isa::pool::testing {

class Managers {
 public:
  // The store is SQLite, which is as good as any for the logic; the same over Redis is in the end-to-end
  // tests.
  Managers(asio::any_io_executor on, const Settings& with, std::size_t count)
      : executor(on), settings(with), vms(executor, folder.path()) {
    for (std::size_t i = 0; i < count; ++i) all.push_back(std::make_unique<One>());
    for (std::size_t i = 0; i < count; ++i) restart(i);
  }

  // A new life of one of them; the former one was stopped.
  void restart(std::size_t i) {
    auto& one = *all.at(i);
    one.service.reset();
    one.store = std::make_unique<FlakyStore>(store->pool());
    ServiceOptions options;
    options.clock = [this] { return now() + ahead; };
    one.service = std::make_unique<Service>(executor, settings, *one.store, vms, std::move(options));
  }
  // Ends it as a crash does: it does and says nothing more.
  Task<void> crash(std::size_t i) {
    all.at(i)->store->fault = [] { return FlakyStore::Fault::refused; };
    co_await all.at(i)->service->stop(false);
  }
  Service& service(std::size_t i) { return *all.at(i)->service; }
  Fleet& fleet(std::size_t i) { return must(service(i).pool("agent"))->fleet(); }
  FlakyStore& view(std::size_t i) { return *all.at(i)->store; }
  Task<std::vector<store::PoolInstance>> rows() {
    auto listed = co_await store->pool().list("agent");
    co_return must(std::move(listed));
  }
  Task<void> reconcile(std::size_t i) {
    const auto passed = co_await must(service(i).pool("agent"))->reconciler().pass();
    if (!passed) throw std::runtime_error(passed.error().message());
  }
  // Sandboxes by their ids, as cloud_os and as the rows know them.
  std::set<std::string> alive() const { return vms.ids(); }
  Task<std::set<std::string>> recorded() {
    std::set<std::string> ids;
    for (const auto& row : co_await rows()) ids.insert(row.sandbox_id.value());
    co_return ids;
  }

  struct One {
    std::unique_ptr<FlakyStore> store;
    std::unique_ptr<Service> service;
  };
  isa::testing::TempFolder folder;
  asio::any_io_executor executor;
  Settings settings;
  std::unique_ptr<store::sqlite::SqliteStore> store =
      must(store::sqlite::SqliteStore::open(folder / "pool.db", store::sqlite::Durability::process_death));
  TestVmClient vms;
  std::chrono::milliseconds ahead{0};
  std::vector<std::unique_ptr<One>> all;
};

template <class Use>
void with_managers(std::size_t count, const Settings& settings, Use use) {
  isa::testing::run([](std::size_t n, const Settings& with, Use& body) -> Task<void> {
    Managers managers(co_await asio::this_coro::executor, with, n);
    try {
      for (auto& one : managers.all) co_await one->service->start();
      co_await body(managers);
    } catch (const std::exception& e) {
      ADD_FAILURE() << e.what();
    }
    managers.vms.let_creates_go();
    for (auto& one : managers.all) {
      one->store->fault = [] { return FlakyStore::Fault::none; };
      co_await one->service->stop(true);
    }
    co_await managers.vms.stop_all();
  }(count, settings, use));
}

}  // namespace isa::pool::testing
