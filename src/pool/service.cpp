#include "pool/service.h"

#include <algorithm>

namespace isa::pool {
namespace {

Shape agent_shape(const Settings& settings) {
  const auto at_least_zero = [](std::int64_t count) {
    return static_cast<std::size_t>(std::max<std::int64_t>(0, count));
  };
  Shape shape;
  shape.pool_type = "agent";
  shape.warm = at_least_zero(settings.agent_warm);
  shape.max = std::max(shape.warm, at_least_zero(settings.agent_max));
  shape.limits.memory_mb = settings.agent_memory_mb;
  shape.limits.cpu_count = settings.agent_cpu_count;
  shape.limits.pids = settings.agent_pids;
  return shape;
}

}  // namespace

Service::Service(asio::any_io_executor executor, Settings settings, store::PoolStore& store,
                 cloud_os::VmClient& vms, Clock clock) {
  auto shape = agent_shape(settings);
  auto type = shape.pool_type;
  pools_.emplace(std::move(type),
                 std::make_unique<Pool>(executor, std::move(shape), settings, store, vms, std::move(clock)));
}

Task<void> Service::start() {
  for (const auto& [type, pool] : pools_) co_await pool->start();
}

Task<void> Service::stop(bool remove_leased) {
  for (const auto& [type, pool] : pools_) co_await pool->stop(remove_leased);
}

Task<bool> Service::wait_until_filled(Deadline deadline) {
  bool is_filled = true;
  for (const auto& [type, pool] : pools_) {
    const bool is_this_filled = co_await pool->wait_until_filled(deadline);
    is_filled = is_filled && is_this_filled;
  }
  co_return is_filled;
}

Result<Pool*> Service::pool(std::string_view pool_type) {
  if (const auto found = pools_.find(pool_type); found != pools_.end()) return found->second.get();
  if (pool_type == "custom_agent")
    return not_implemented(
        "the pool 'custom_agent' is not configured: this version deploys no custom agents yet");
  std::string known;
  for (const auto& [type, pool] : pools_) known += (known.empty() ? "" : ", ") + type;
  return not_found("there is no pool '{}'; configured are: {}", pool_type, known);
}

Task<Result<Acquired>> Service::acquire(std::string pool_type, AcquireRequest request) {
  ISA_CO_TRY(auto* const from, pool(pool_type));
  co_return co_await from->acquirer().acquire(std::move(request));
}

Task<Result<net::OpenResponse>> Service::stream(std::string pool_type, InstanceId id,
                                                std::int64_t fencing_token, sdk::RuntimeChat chat) {
  ISA_CO_TRY(auto* const from, pool(pool_type));
  co_return co_await from->leases().stream(std::move(id), fencing_token, std::move(chat));
}

Task<Result<LeaseInfo>> Service::renew(std::string pool_type, InstanceId id, std::int64_t fencing_token) {
  ISA_CO_TRY(auto* const from, pool(pool_type));
  co_return co_await from->leases().renew(std::move(id), fencing_token);
}

Task<Result<void>> Service::release(std::string pool_type, InstanceId id,
                                    std::optional<std::int64_t> fencing_token) {
  ISA_CO_TRY(auto* const from, pool(pool_type));
  co_return co_await from->leases().release(std::move(id), fencing_token);
}

Task<Result<PoolStats>> Service::stats(std::string pool_type) {
  ISA_CO_TRY(auto* const from, pool(pool_type));
  co_return from->stats();
}

}  // namespace isa::pool
