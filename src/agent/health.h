#pragma once

#include "agent/settings.h"
#include "model/client.h"
#include "net/service_routes.h"
#include "pool/client.h"
#include "store/agent_config.h"

namespace isa::agent {

// How the service is: not ready without its store, since nothing works then; a pool or a default model that
// does not answer is said among the dependencies.
class HealthProbe {
 public:
  HealthProbe(store::AgentConfigStore& configs, pool::PoolClient& pool, model::ModelClient& model,
              std::string default_model)
      : configs_(configs), pool_(pool), model_(model), default_model_(std::move(default_model)) {}

  // Between the end of recovery and the beginning of the stop.
  void set_serving(bool is_serving) { is_serving_ = is_serving; }
  Task<net::Health> ask();

 private:
  Task<std::string> store_state();
  Task<std::string> pool_state();
  Task<std::string> model_state();

  store::AgentConfigStore& configs_;
  pool::PoolClient& pool_;
  model::ModelClient& model_;
  std::string default_model_;
  bool is_serving_ = false;
};

}  // namespace isa::agent
