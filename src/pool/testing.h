// Support of the pool's tests: a service over a real store and sandboxes that obey the test, with a clock to
// move.
#pragma once

#include "pool/service.h"
#include "pool/test_vm_client.h"
#include "store/sqlite/sqlite_store.h"

#include <gtest/gtest.h>

namespace isa::pool::testing {

inline Deadline soon() {
  return Deadline::after(std::chrono::seconds(20));
}

inline AcquireRequest request_of(std::string session, std::string user = "alice") {
  AcquireRequest request;
  request.session_id = SessionId(std::move(session));
  request.user_id = UserId(std::move(user));
  return request;
}

inline Settings small_pool(std::int64_t warm, std::int64_t max) {
  Settings settings;
  settings.agent_warm = warm;
  settings.agent_max = max;
  settings.retry_first = std::chrono::milliseconds(1);
  // Passes happen when a test asks for one.
  settings.sweep_every = std::chrono::hours(1);
  settings.reconcile_every = std::chrono::hours(1);
  return settings;
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message() + " " + result.error().detail());
  return *std::move(result);
}

struct World {
  World(asio::any_io_executor on, const Settings& with)
      : executor(on),
        store(must(store::sqlite::SqliteStore::open(folder / "pool.db"))),
        vms(executor, folder.path()),
        settings(with) {
    restart();
  }
  // A new service over what is there, as after a restart. The former one must have been stopped.
  void restart() {
    ServiceOptions options;
    options.clock = [this] { return now() + ahead; };
    service = std::make_unique<Service>(executor, settings, store->pool(), vms, std::move(options));
  }
  Pool& pool() { return *must(service->pool("agent")); }
  Fleet& fleet() { return pool().fleet(); }
  // A sandbox with a warm row, as a former life of the pool manager left it.
  Task<store::PoolInstance> leave_warm_instance() {
    store::PoolInstance row;
    row.id = InstanceId::make();
    cloud_os::VmCreate spec;
    spec.labels = {{std::string(kPoolLabel), "agent"}, {std::string(kInstanceLabel), row.id.value()}};
    auto created = co_await vms.create(std::move(spec), soon());
    row.sandbox_id = must(std::move(created)).vm_id;
    row.pool = "agent";
    row.shape = fleet().digest();
    row.manager = ManagerId("manager_former");
    row.created_at = row.changed_at = now();
    must(co_await store->pool().reserve(row, {.total = 100, .unleased = 100}));
    auto ready = co_await store->pool().make_ready(row.id, row.sandbox_id, "", now());
    co_return must(std::move(ready));
  }

  isa::testing::TempFolder folder;
  asio::any_io_executor executor;
  std::unique_ptr<store::sqlite::SqliteStore> store;
  TestVmClient vms;
  Settings settings;
  std::chrono::milliseconds ahead{0};  // Of the true time.
  std::unique_ptr<Service> service;
};

// Waits until the fleet's state makes `holds` true.
template <class Holds>
Task<void> until(World& world, Holds holds) {
  const auto deadline = soon();
  while (!holds()) {
    if (deadline.passed()) throw std::runtime_error("the pool does not reach the expected state");
    co_await world.fleet().changed().wait(deadline);
  }
}

// Runs `use` in a world whose service is not started yet, and takes the world down again.
template <class Use>
void in_world(const Settings& settings, Use use) {
  isa::testing::run([](const Settings& with, Use& body) -> Task<void> {
    World world(co_await asio::this_coro::executor, with);
    try {
      co_await body(world);
    } catch (const std::exception& e) {
      ADD_FAILURE() << e.what();
    }
    world.vms.let_creates_go();
    co_await world.service->stop(true);
    EXPECT_EQ(world.fleet().all().size(), 0U) << "an instance is left after a stop that removes all";
    co_await world.vms.stop_all();
  }(settings, use));
}

// The same with a service that is started and filled.
template <class Use>
void with_pool(const Settings& settings, Use use) {
  in_world(settings, [&use](World& world) -> Task<void> {
    return [](World& started, Use& body) -> Task<void> {
      co_await started.service->start();
      if (!co_await started.service->wait_until_filled(soon()))
        throw std::runtime_error("the pool does not fill");
      co_await body(started);
    }(world, use);
  });
}

// Starts a task now and lets the test go on; get() waits for it.
template <class T>
class Started {
 public:
  Started(asio::any_io_executor executor, Task<T> task) : tasks_(executor) {
    tasks_.spawn("test", keep(std::move(task), result_));
  }
  Task<T> get() {
    co_await tasks_.join();
    co_return std::move(*result_);
  }
  // The caller leaves.
  Task<void> cancel() { co_await tasks_.stop(); }
  bool is_done() const { return result_.has_value(); }

 private:
  static Task<void> keep(Task<T> task, std::optional<T>& result) { result.emplace(co_await std::move(task)); }
  std::optional<T> result_;
  TaskGroup tasks_;
};

inline std::unique_ptr<Started<Result<Acquired>>> start_acquire(World& world, AcquireRequest request) {
  return std::make_unique<Started<Result<Acquired>>>(world.executor,
                                                     world.service->acquire("agent", std::move(request)));
}

inline Task<Acquired> acquired(World& world, AcquireRequest request) {
  auto result = co_await world.service->acquire("agent", std::move(request));
  co_return must(std::move(result));
}

inline std::string kind_of(const Error& error) {
  return std::string(to_string(error.kind()));
}

}  // namespace isa::pool::testing
