#include "app/back_loop.h"

#include "base/log.h"
#include "cloud_os/probe.h"
#include "cloud_os/routes.h"
#include "model/http_client.h"

namespace isa::app {
namespace {

Task<net::Health> health_of(const model::Service& models) {
  co_return models.health();
}

}  // namespace

BackLoop::BackLoop(const PlatformConfig& config, std::set<std::string> roles, std::string internal_secret)
    : config_(config), roles_(std::move(roles)), internal_secret_(std::move(internal_secret)) {}

BackLoop::~BackLoop() = default;

Result<void> BackLoop::start(Listeners& listeners) {
  std::unique_ptr<cloud_os::Backend> backend;
  if (roles_.contains("cloud_os")) {
    auto probe = cloud_os::probe(config_.cloud_os, config_.app.data_dir);
    ISA_TRY(backend, std::move(probe).take_backend());
  }
  ISA_TRY(tls_, net::make_tls_connector());
  Result<void> outcome;
  loop_.run([](BackLoop& self, Listeners& all, std::unique_ptr<cloud_os::Backend> isolation,
               Result<void>& to) -> Task<void> {
    to = co_await self.bring_up(all, std::move(isolation));
  }(*this, listeners, std::move(backend), outcome));
  return outcome;
}

Task<Result<void>> BackLoop::bring_up(Listeners& listeners, std::unique_ptr<cloud_os::Backend> backend) {
  client_ = std::make_unique<net::Client>(net::ClientOptions{}, tls_.get());
  if (roles_.contains("model")) {
    model_ = std::make_unique<model::Service>(config_.model, *client_);
    net::HealthCheck health = [models = model_.get()] { return health_of(*models); };
    ISA_CO_TRY(model_server_, co_await listeners.serve("model", model_->router(), std::move(health)));
  }
  if (!roles_.contains("cloud_os")) co_return ok();
  if (!model_) {
    ISA_CO_TRY(auto url, net::Url::parse(config_.app.cloud_os_model_url));
    remote_model_ = std::make_unique<model::HttpModelClient>(*client_, std::move(url), internal_secret_,
                                                             "cloud_os.model_url");
  }
  auto& models = model_ ? static_cast<model::ModelClient&>(*model_) : *remote_model_;
  const auto executor = co_await asio::this_coro::executor;
  ISA_CO_TRY(brokerage_, cloud_os::Brokerage::open(executor, config_.app.data_dir, config_.cloud_os, models,
                                                   listeners.metrics()));
  brokerage_->start();
  cloud_os_ = std::make_unique<cloud_os::Service>(executor, config_.app.data_dir, config_.cloud_os,
                                                  std::move(backend), *brokerage_);
  cloud_os_->report_to(listeners.metrics());
  ISA_CO_TRYV(co_await cloud_os_->start());
  ISA_CO_TRY(cloud_os_server_, co_await listeners.serve("cloud_os", cloud_os::routes(*cloud_os_)));
  co_return ok();
}

void BackLoop::stop(bool remove_sandboxes) {
  loop_.run(tear_down(remove_sandboxes));
}

Task<void> BackLoop::tear_down(bool remove_sandboxes) {
  if (cloud_os_server_) co_await cloud_os_server_->stop();
  if (cloud_os_) {
    if (remove_sandboxes) {
      const auto removed = co_await cloud_os_->stop_all();
      if (!removed) log::error("cloud_os.sandboxes_left", {{"detail", removed.error().message()}});
    } else {
      co_await cloud_os_->stop();
    }
  }
  if (brokerage_) co_await brokerage_->stop();
  if (model_server_) co_await model_server_->stop();
  cloud_os_server_.reset();
  model_server_.reset();
  cloud_os_.reset();
  brokerage_.reset();
  remote_model_.reset();
  model_.reset();
  client_.reset();
}

}  // namespace isa::app
