#include "pool/service.h"

#include "base/log.h"
#include "net/service_routes.h"

#include <algorithm>

namespace isa::pool {
namespace {

// What the store keeps about a pool. A retired deployment lives until its last lease has ended.
struct Config {
  using json_defaults = void;
  std::optional<Deployment> deployment;
  bool is_draining = false;
  bool is_retired = false;
};
BOOST_DESCRIBE_STRUCT(Config, (), (deployment, is_draining, is_retired))

std::string text_of(const Config& config) {
  return json::serialize(json::write(config));
}

std::optional<std::string> deployment_of(std::string_view pool) {
  if (!pool.starts_with(kCustomPool) || pool.size() <= kCustomPool.size() + 1) return std::nullopt;
  return std::string(pool.substr(kCustomPool.size() + 1));
}

std::string name_of(const std::string& pool_type, const std::optional<std::string>& deployment_id) {
  return deployment_id ? custom_pool(*deployment_id) : pool_type;
}

}  // namespace

Service::Service(asio::any_io_executor executor, Settings settings, store::PoolStore& store,
                 cloud_os::VmClient& vms, ServiceOptions options)
    : settings_(std::move(settings)),
      store_(store),
      version_(std::move(options.version)),
      own_metrics_(options.metrics ? nullptr : std::make_unique<net::Metrics>()),
      metrics_(options.metrics ? *options.metrics : *own_metrics_),
      parts_{executor, ManagerId::make(), settings_, store, vms, options.clock},
      heartbeat_(store, parts_.manager, settings_, options.clock),
      tasks_(executor) {
  auto shape = agent_shape(settings_, version_);
  auto& meters = meters_for(shape.pool_type);
  auto name = shape.pool;
  pools_.emplace(std::move(name), std::make_unique<Pool>(parts_, std::move(shape), meters));
}

Meters& Service::meters_for(const std::string& pool_type) {
  return meters_.try_emplace(pool_type, metrics_, pool_type).first->second;
}

Task<void> Service::start() {
  // Before anything is ours: else another pool manager would take it for abandoned.
  co_await heartbeat_.beat();
  for (auto* const pool : pools_of(kAgentPool)) co_await pool->start();
  if (const auto followed = co_await follow_configs(); !followed)
    log::warn("pool.configs_unread", {{"error", followed.error().message()}});
  if (!store_.is_shared()) co_return;
  tasks_.spawn("pool.heartbeat", heartbeat_.run());
  tasks_.spawn("pool.configs", keep_following(*this));
}

Task<void> Service::keep_following(Service& self) {
  while (true) {
    co_await sleep_for(self.settings_.reconcile_every);
    if (const auto followed = co_await self.follow_configs(); !followed)
      log::warn("pool.configs_unread", {{"error", followed.error().message()}});
  }
}

Task<void> Service::stop(bool remove_leased) {
  is_stopping_ = true;
  co_await tasks_.stop();
  const bool others = store_.is_shared() && co_await heartbeat_.are_others_there();
  auto what = others ? Pool::Stop::keep_all : Pool::Stop::keep_leased;
  if (remove_leased) what = Pool::Stop::remove_all;
  for (const auto& [name, pool] : pools_) co_await pool->stop(what);
  if (store_.is_shared()) co_await heartbeat_.leave();
}

Task<bool> Service::drain(Deadline deadline) {
  for (const auto& [name, pool] : pools_) pool->set_draining(true);
  bool is_done = true;
  for (const auto& [name, pool] : pools_) {
    const bool is_this_done = co_await pool->wait_until_unleased(deadline);
    is_done = is_done && is_this_done;
  }
  co_return is_done;
}

Task<bool> Service::wait_until_filled(Deadline deadline) {
  bool is_filled = true;
  for (const auto& [name, pool] : pools_) {
    const bool is_this_filled = co_await pool->wait_until_filled(deadline);
    is_filled = is_filled && is_this_filled;
  }
  co_return is_filled;
}

Task<net::Health> Service::health() {
  net::Health health;
  const auto trouble = store_.trouble();
  health.dependencies["store"] = trouble.empty() ? "ok" : trouble;
  health.is_ready = trouble.empty();
  if (!trouble.empty()) health.reason = "the store of the pools cannot be reached: " + trouble;
  co_return health;
}

// ---- which pool ----

std::vector<Pool*> Service::pools_of(std::string_view pool_type) const {
  std::vector<Pool*> found;
  for (const auto& [name, pool] : pools_)
    if (pool->fleet().shape().pool_type == pool_type) found.push_back(pool.get());
  return found;
}

Result<Pool*> Service::pool(std::string_view name) {
  if (const auto found = pools_.find(name); found != pools_.end()) return found->second.get();
  return unknown(name);
}

Error Service::unknown(std::string_view pool_type) const {
  if (const auto id = deployment_of(pool_type))
    return not_found("deployment {} is not configured in the pool '{}'", *id, kCustomPool);
  if (pool_type == kCustomPool)
    return validation_error("name the deployment whose sandbox is asked for").with_param("/deployment_id");
  return not_found("there is no pool '{}'; there are: {}, {}", pool_type, kAgentPool, kCustomPool);
}

Task<Result<Pool*>> Service::pool_with(std::string pool_type, InstanceId id) {
  if (pool_type != kCustomPool) co_return pool(pool_type);
  for (auto* const each : pools_of(pool_type))
    if (each->fleet().find(id)) co_return each;
  if (!store_.is_shared()) co_return nullptr;
  const auto row = co_await store_.find(id);
  if (!row && row.error().kind() != ErrorKind::not_found) co_return Failure(row.error());
  if (!row || !deployment_of(row->pool)) co_return nullptr;
  if (!pools_.contains(row->pool)) ISA_CO_TRYV(co_await follow_configs());
  const auto found = pools_.find(row->pool);
  co_return found == pools_.end() ? nullptr : found->second.get();
}

// ---- what callers ask ----

Task<Result<Acquired>> Service::acquire(std::string pool_type, AcquireRequest request) {
  if (request.deployment_id && pool_type != kCustomPool)
    co_return validation_error("only the pool '{}' has deployments", kCustomPool)
        .with_param("/deployment_id");
  const auto name = name_of(pool_type, request.deployment_id);
  // Another pool manager may have been told of it a moment ago.
  if (request.deployment_id && store_.is_shared() && !pools_.contains(name))
    ISA_CO_TRYV(co_await follow_configs());
  ISA_CO_TRY(auto* const from, pool(name));
  co_return co_await from->acquirer().acquire(std::move(request));
}

Task<Result<net::OpenResponse>> Service::stream(std::string pool_type, InstanceId id,
                                                std::int64_t fencing_token, sdk::RuntimeChat chat) {
  ISA_CO_TRY(auto* const from, co_await pool_with(std::move(pool_type), id));
  if (!from) co_return not_found("instance {} does not exist", id.value());
  co_return co_await from->leases().stream(std::move(id), fencing_token, std::move(chat));
}

Task<Result<cloud_os::VmModelUse>> Service::settle(std::string pool_type, InstanceId id,
                                                   std::int64_t fencing_token, RunId run) {
  ISA_CO_TRY(auto* const from, co_await pool_with(std::move(pool_type), id));
  if (!from) co_return not_found("instance {} does not exist", id.value());
  co_return co_await from->leases().settle(std::move(id), fencing_token, std::move(run));
}

Task<Result<LeaseInfo>> Service::renew(std::string pool_type, InstanceId id, std::int64_t fencing_token) {
  ISA_CO_TRY(auto* const from, co_await pool_with(std::move(pool_type), id));
  if (!from) co_return not_found("instance {} does not exist", id.value());
  co_return co_await from->leases().renew(std::move(id), fencing_token);
}

Task<Result<void>> Service::release(std::string pool_type, InstanceId id,
                                    std::optional<std::int64_t> fencing_token) {
  ISA_CO_TRY(auto* const from, co_await pool_with(std::move(pool_type), id));
  if (!from) co_return ok();  // Nobody holds what is gone already.
  co_return co_await from->leases().release(std::move(id), fencing_token);
}

Task<Result<PoolStats>> Service::stats(std::string pool_type) {
  if (pool_type != kCustomPool) {
    ISA_CO_TRY(auto* const from, pool(pool_type));
    co_return from->stats();
  }
  PoolStats sum;
  sum.pool_type = kCustomPool;
  const auto all = pools_of(kCustomPool);
  for (const auto* each : all) sum_up(sum, each->stats());
  sum.deployments = static_cast<std::int64_t>(all.size());
  co_return sum;
}

// ---- deployments and operators ----

Task<Result<void>> Service::configure(std::string deployment_id, Deployment deployment) {
  ISA_CO_TRYV(check(deployment_id, deployment));
  Config config;
  config.deployment = std::move(deployment);
  ISA_CO_TRYV(co_await store_.put_config(custom_pool(deployment_id), text_of(config)));
  co_return co_await follow_configs();
}

Task<Result<void>> Service::remove_deployment(std::string deployment_id) {
  const auto name = custom_pool(deployment_id);
  ISA_CO_TRY(const auto configs, co_await store_.configs());
  const auto found = configs.find(name);
  if (found == configs.end()) co_return ok();
  ISA_CO_TRY(auto config, json::parse_as<Config>(found->second));
  config.is_retired = true;
  ISA_CO_TRYV(co_await store_.put_config(name, text_of(config)));
  co_return co_await follow_configs();
}

Task<Result<std::map<std::string, Deployment>>> Service::deployments() {
  ISA_CO_TRY(const auto configs, co_await store_.configs());
  std::map<std::string, Deployment> found;
  for (const auto& [name, text] : configs) {
    ISA_CO_TRY(auto config, json::parse_as<Config>(text));
    if (const auto id = deployment_of(name); id && config.deployment && !config.is_retired)
      found.emplace(*id, *std::move(config.deployment));
  }
  co_return found;
}

Task<Result<void>> Service::set_draining(std::string pool_type, bool is_draining) {
  const auto pools = pool_type == kCustomPool ? pools_of(pool_type) : std::vector<Pool*>{};
  std::vector<std::string> names;
  for (const auto* each : pools) names.push_back(each->fleet().shape().pool);
  if (pool_type != kCustomPool) {
    ISA_CO_TRYV(pool(pool_type));
    names.push_back(pool_type);
  }
  ISA_CO_TRY(const auto configs, co_await store_.configs());
  for (const auto& name : names) {
    Config config;
    if (const auto known = configs.find(name); known != configs.end()) {
      ISA_CO_TRY(config, json::parse_as<Config>(known->second));
    }
    config.is_draining = is_draining;
    ISA_CO_TRYV(co_await store_.put_config(name, text_of(config)));
  }
  co_return co_await follow_configs();
}

Task<Result<void>> Service::follow_configs() {
  ISA_CO_TRY(const auto configs, co_await store_.configs());
  for (const auto& [name, text] : configs) {
    if (is_stopping_) co_return ok();
    const auto config = json::parse_as<Config>(text);
    if (!config) {
      log::warn("pool.config_unreadable", {{"pool", name}, {"error", config.error().message()}});
      continue;
    }
    const bool is_draining = config->is_draining || config->is_retired;
    const auto known = pools_.find(name);
    if (const auto id = deployment_of(name); id && config->deployment) {
      auto shape = custom_shape(*id, *config->deployment, version_);
      if (known != pools_.end())
        known->second->reshape(std::move(shape));
      else
        co_await open(std::move(shape), is_draining);
    }
    const auto opened = pools_.find(name);
    if (opened == pools_.end()) continue;
    opened->second->set_draining(is_draining);
    if (config->is_retired) retire(name);
  }
  // What another pool manager has retired to the end.
  for (auto* const each : pools_of(kCustomPool))
    if (!configs.contains(each->fleet().shape().pool)) {
      each->set_draining(true);
      retire(each->fleet().shape().pool);
    }
  co_return ok();
}

Task<void> Service::open(Shape shape, bool is_draining) {
  auto& meters = meters_for(shape.pool_type);
  auto name = shape.pool;
  auto& pool = *pools_.emplace(std::move(name), std::make_unique<Pool>(parts_, std::move(shape), meters))
                    .first->second;
  pool.set_draining(is_draining);
  co_await pool.start();
}

void Service::retire(const std::string& name) {
  if (retiring_.insert(name).second) tasks_.spawn("pool.retire", retire_when_empty(*this, name));
}

// A deployment that is gone keeps its leased instances until their leases end; then nothing of it is left.
Task<void> Service::retire_when_empty(Service& self, std::string name) {
  struct Leave {
    std::set<std::string>& retiring;
    const std::string& name;
    ~Leave() { retiring.erase(name); }
  } const leave{self.retiring_, name};
  const auto pool = self.pools_.find(name)->second.get();  // Erased by this task alone.
  while (!pool->fleet().all().empty()) {
    if (!pool->acquirer().is_draining()) co_return;  // Configured again.
    co_await pool->fleet().changed().wait();
  }
  const auto rows = co_await self.store_.list(name);
  // With other pool managers the last of them ends it.
  if (!rows || !rows->empty() || !pool->acquirer().is_draining()) co_return;
  co_await pool->stop(Pool::Stop::keep_leased);
  self.pools_.erase(name);
  if (const auto removed = co_await self.store_.remove_config(name); !removed)
    log::warn("pool.config_kept", {{"pool", name}, {"error", removed.error().message()}});
  log::info("pool.deployment_removed", {{"pool", name}});
}

}  // namespace isa::pool
