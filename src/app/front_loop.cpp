#include "app/front_loop.h"

#include "app/back_loop.h"
#include "base/log.h"
#include "cloud_os/http_client.h"
#include "model/http_client.h"
#include "pool/http_client.h"
#include "pool/routes.h"
#include "store/file_event_log.h"

namespace isa::app {
namespace {

// By which another role of the platform knows this one (auth/guard.h).
net::Headers internal_headers(const std::string& secret) {
  net::Headers headers;
  headers.set("X-Internal-Service", "true");
  headers.set("X-Internal-Service-Secret", secret);
  return headers;
}

}  // namespace

FrontLoop::FrontLoop(const PlatformConfig& config, std::set<std::string> roles, std::string internal_secret)
    : config_(config), roles_(std::move(roles)), internal_secret_(std::move(internal_secret)) {}

FrontLoop::~FrontLoop() = default;

Result<void> FrontLoop::open_stores() {
  const std::filesystem::path data_dir = config_.app.data_dir;
  // Sandboxes of this host do not survive a power cut, so their leases need not either
  // (docs/decisions/0004-warm-acquire.md).
  if (roles_.contains("pool") && config_.pool.store == "sqlite") {
    ISA_TRY(leases_,
            store::sqlite::SqliteStore::open(data_dir / "pool.db", store::sqlite::Durability::process_death));
  }
  if (!roles_.contains("agent")) return ok();
  ISA_TRY(store_, store::sqlite::SqliteStore::open(data_dir / "isa.db"));
  ISA_TRY(sealer_, WebhookSealer::open(config_.app.agent_secrets_key, data_dir / "agent-secrets.key"));
  store::FileEventLogOptions options;
  options.folder = data_dir / "events";
  ISA_TRY(log_, store::open_file_event_log(std::move(options)));
  return ok();
}

Result<void> FrontLoop::start(Listeners& listeners, BackLoop& back) {
  ISA_TRYV(open_stores());
  ISA_TRY(tls_, net::make_tls_connector());
  Result<void> outcome;
  loop_.run([](FrontLoop& self, Listeners& all, BackLoop& other, Result<void>& to) -> Task<void> {
    to = co_await self.bring_up(all, other);
  }(*this, listeners, back, outcome));
  return outcome;
}

Task<Result<void>> FrontLoop::bring_up(Listeners& listeners, BackLoop& back) {
  client_ = std::make_unique<net::Client>(net::ClientOptions{}, tls_.get());
  if (roles_.contains("pool")) ISA_CO_TRYV(co_await bring_up_pool(listeners, back));
  if (roles_.contains("agent")) ISA_CO_TRYV(co_await bring_up_agent(listeners));
  co_return ok();
}

Task<Result<void>> FrontLoop::bring_up_pool(Listeners& listeners, BackLoop& back) {
  const auto executor = co_await asio::this_coro::executor;
  if (back.vms()) {
    vms_ = std::make_unique<RemoteVmClient>(back.executor(), *back.vms());
  } else {
    ISA_CO_TRY(auto url, net::Url::parse(config_.app.pool_cloud_os_url));
    vms_ = std::make_unique<cloud_os::HttpVmClient>(*client_, std::move(url), internal_secret_);
  }
  if (config_.pool.store == "redis") {
    ISA_CO_TRY(shared_leases_, co_await store::redis::RedisPoolStore::open(config_.redis, tls_.get()));
  }
  auto& store = shared_leases_ ? static_cast<store::PoolStore&>(*shared_leases_) : leases_->pool();
  pool::ServiceOptions options;
  options.metrics = &listeners.metrics();
  options.version = ISA_VERSION;
  pool_ = std::make_unique<pool::Service>(executor, config_.pool, store, *vms_, std::move(options));
  ISA_CO_TRY(pool_server_,
             co_await listeners.serve("pool", pool::make_router(*pool_), [this] { return pool_->health(); }));
  co_await pool_->start();
  co_return ok();
}

Task<Result<void>> FrontLoop::bring_up_agent(Listeners& listeners) {
  const auto executor = co_await asio::this_coro::executor;
  if (!pool_) {
    ISA_CO_TRY(auto url, net::Url::parse(config_.app.agent_pool_url));
    remote_pool_ =
        std::make_unique<pool::HttpPoolClient>(*client_, std::move(url), internal_headers(internal_secret_));
  }
  if (roles_.contains("model")) {
    model_ = std::make_unique<model::Service>(config_.model, *client_);
  } else {
    ISA_CO_TRY(auto url, net::Url::parse(config_.app.agent_model_url));
    model_ = std::make_unique<model::HttpModelClient>(*client_, std::move(url), internal_secret_,
                                                      "agent.model_url");
  }
  auto& pools = pool_ ? static_cast<pool::PoolClient&>(*pool_) : *remote_pool_;
  agent::Service::Parts parts{store_->agent_configs(),
                              store_->templates(),
                              store_->teams(),
                              store_->skills(),
                              store_->sessions(),
                              store_->runs(),
                              store_->approvals(),
                              *log_,
                              store_->idempotency(),
                              store_->triggers(),
                              *sealer_,
                              (std::filesystem::path(config_.app.data_dir) / "memory").string(),
                              pools,
                              *model_,
                              listeners.guard()};
  ISA_CO_TRY(agent_, agent::Service::open(executor, std::move(parts), config_.agent));
  ISA_CO_TRYV(co_await agent_->start());
  ISA_CO_TRY(agent_server_,
             co_await listeners.serve("agent", agent_->router(), [this] { return agent_->health(); }));
  co_return ok();
}

void FrontLoop::drain() {
  if (!pool_) return;
  loop_.run([](pool::Service& service, Deadline deadline) -> Task<void> {
    if (!co_await service.drain(deadline))
      log::warn("pool.drain_timed_out", {{"hint", "raise pool.drain_timeout, or end the sessions"}});
  }(*pool_, Deadline::after(config_.pool.drain_timeout)));
}

void FrontLoop::stop(bool remove_sandboxes) {
  loop_.run(tear_down(remove_sandboxes));
}

Task<void> FrontLoop::tear_down(bool remove_sandboxes) {
  if (agent_) co_await agent_->stop();
  if (agent_server_) co_await agent_server_->stop();
  if (pool_server_) co_await pool_server_->stop();
  if (pool_) co_await pool_->stop(remove_sandboxes);
  if (shared_leases_) co_await shared_leases_->stop();
  agent_server_.reset();
  pool_server_.reset();
  agent_.reset();
  pool_.reset();
  shared_leases_.reset();
  remote_pool_.reset();
  model_.reset();
  vms_.reset();
  client_.reset();
}

}  // namespace isa::app
