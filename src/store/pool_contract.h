// For the contract tests of the pool store: every engine that implements it. The Redis store lives on one
// event loop; its tests call it from others, so here it has a loop of its own.
#pragma once

#include "net/event_loop.h"
#include "store/contract.h"
#include "store/redis/pool_store.h"
#include "store/redis/test_server.h"

namespace isa::store::contract {

class PoolEngine {
 public:
  virtual ~PoolEngine() = default;
  virtual PoolStore& pool() = 0;
};

class SqlitePoolEngine final : public PoolEngine {
 public:
  PoolStore& pool() override { return engine_.pool(); }

 private:
  SqliteEngine engine_;
};

// Forwards every call to the loop that the store lives on.
class PoolStoreOnLoop final : public PoolStore {
 public:
  PoolStoreOnLoop(asio::any_io_executor loop, PoolStore& inner) : loop_(std::move(loop)), inner_(inner) {}

  bool is_shared() const override { return inner_.is_shared(); }
  Task<Result<bool>> reserve(PoolInstance i, PoolRoom room) override {
    return net::call_on(loop_, inner_.reserve(std::move(i), room));
  }
  Task<Result<PoolInstance>> make_ready(InstanceId id, SandboxId s, std::string e, Timestamp at) override {
    return net::call_on(loop_, inner_.make_ready(std::move(id), std::move(s), std::move(e), at));
  }
  Task<Result<PoolInstance>> move(InstanceId id, InstanceState f, InstanceState t, Timestamp at) override {
    return net::call_on(loop_, inner_.move(std::move(id), f, t, at));
  }
  Task<Result<void>> note_probes(std::vector<InstanceId> ids, Timestamp at) override {
    return net::call_on(loop_, inner_.note_probes(std::move(ids), at));
  }
  Task<Result<PoolInstance>> adopt(InstanceId id, ManagerId from, ManagerId to) override {
    return net::call_on(loop_, inner_.adopt(std::move(id), std::move(from), std::move(to)));
  }
  Task<Result<PoolInstance>> find(InstanceId id) override {
    return net::call_on(loop_, inner_.find(std::move(id)));
  }
  Task<Result<std::vector<PoolInstance>>> list(std::string pool) override {
    return net::call_on(loop_, inner_.list(std::move(pool)));
  }
  Task<Result<PoolCounts>> counts(std::string pool, std::string shape) override {
    return net::call_on(loop_, inner_.counts(std::move(pool), std::move(shape)));
  }
  Task<Result<void>> remove(InstanceId id) override {
    return net::call_on(loop_, inner_.remove(std::move(id)));
  }
  Task<Result<std::optional<Claimed>>> claim(ClaimRequest request) override {
    return net::call_on(loop_, inner_.claim(std::move(request)));
  }
  Task<Result<Lease>> renew(InstanceId id, std::int64_t token, Timestamp expires_at) override {
    return net::call_on(loop_, inner_.renew(std::move(id), token, expires_at));
  }
  Task<Result<PoolInstance>> expire(InstanceId id, Timestamp at) override {
    return net::call_on(loop_, inner_.expire(std::move(id), at));
  }
  Task<Result<void>> beat(ManagerId manager, Timestamp until) override {
    return net::call_on(loop_, inner_.beat(std::move(manager), until));
  }
  Task<Result<void>> leave(ManagerId manager) override {
    return net::call_on(loop_, inner_.leave(std::move(manager)));
  }
  Task<Result<std::set<ManagerId>>> managers(Timestamp at) override {
    return net::call_on(loop_, inner_.managers(at));
  }
  Task<Result<void>> put_config(std::string pool, std::string config) override {
    return net::call_on(loop_, inner_.put_config(std::move(pool), std::move(config)));
  }
  Task<Result<void>> remove_config(std::string pool) override {
    return net::call_on(loop_, inner_.remove_config(std::move(pool)));
  }
  Task<Result<std::map<std::string, std::string>>> configs() override {
    return net::call_on(loop_, inner_.configs());
  }

 private:
  asio::any_io_executor loop_;
  PoolStore& inner_;
};

class RedisPoolEngine final : public PoolEngine {
 public:
  RedisPoolEngine() {
    redis::Settings settings;
    settings.url = server().url();
    settings.prefix = random_hex(4);  // The server is shared by the tests, the keys are not.
    settings.timeout = std::chrono::seconds(10);
    loop_.run(open(std::move(settings), store_));
    pool_ = std::make_unique<PoolStoreOnLoop>(loop_.executor(), *store_);
  }
  ~RedisPoolEngine() override { loop_.run(store_->stop()); }
  PoolStore& pool() override { return *pool_; }

 private:
  static redis::testing::TestServer& server() {
    static redis::testing::TestServer one;
    return one;
  }
  static Task<void> open(redis::Settings settings, std::unique_ptr<redis::RedisPoolStore>& to) {
    auto opened = co_await redis::RedisPoolStore::open(std::move(settings), nullptr);
    if (!opened) throw std::runtime_error(opened.error().message());
    to = *std::move(opened);
  }

  net::EventLoop loop_{"redis-test"};
  std::unique_ptr<redis::RedisPoolStore> store_;
  std::unique_ptr<PoolStoreOnLoop> pool_;
};

struct PoolEngineKind {
  std::string name;
  std::function<std::unique_ptr<PoolEngine>()> open;
};

inline std::vector<PoolEngineKind> pool_engines() {
  return {{"sqlite", [] { return std::make_unique<SqlitePoolEngine>(); }},
          {"redis", []() -> std::unique_ptr<PoolEngine> {
             if (!redis::testing::TestServer::is_possible()) return nullptr;
             return std::make_unique<RedisPoolEngine>();
           }}};
}

class PoolStoreContract : public ::testing::TestWithParam<PoolEngineKind> {
 protected:
  void SetUp() override {
    engine_ = GetParam().open();
    if (!engine_) GTEST_SKIP() << "redis-server is not installed here";
  }
  PoolStore& store() { return engine_->pool(); }

 private:
  std::unique_ptr<PoolEngine> engine_;
};

inline std::string name_of_pool_engine(const ::testing::TestParamInfo<PoolEngineKind>& info) {
  return info.param.name;
}

}  // namespace isa::store::contract
