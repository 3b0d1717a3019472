#pragma once

#include "agent/settings.h"
#include "model/client.h"
#include "pool/client.h"
#include "store/agent_config.h"

namespace isa::agent {

// GET /health: how the service and what it depends on are; GET /ready: whether it serves.
class Health {
 public:
  Health(store::AgentConfigStore& configs, pool::PoolClient& pool, model::ModelClient& model,
         const AgentServiceConfig& config)
      : configs_(configs),
        pool_(pool),
        model_(model),
        version_(config.version),
        default_model_(config.default_model) {}

  void set_ready(bool is_ready) { is_ready_ = is_ready; }

  Task<Result<net::Response>> health(net::Request& request);
  Task<Result<net::Response>> ready(net::Request& request);

 private:
  Task<std::string> store_state();
  Task<std::string> pool_state();
  Task<std::string> model_state();

  store::AgentConfigStore& configs_;
  pool::PoolClient& pool_;
  model::ModelClient& model_;
  std::string version_;
  std::string default_model_;
  bool is_ready_ = false;
  Deadline::Clock::time_point started_ = Deadline::Clock::now();
};

}  // namespace isa::agent
