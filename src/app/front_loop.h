#pragma once

#include "agent/service.h"
#include "app/listeners.h"
#include "app/remote_vm_client.h"
#include "app/webhook_sealer.h"
#include "model/service.h"
#include "net/client.h"
#include "net/event_loop.h"
#include "pool/service.h"
#include "store/event_log.h"
#include "store/redis/pool_store.h"
#include "store/sqlite/sqlite_store.h"

#include <memory>
#include <set>

namespace isa::app {

class BackLoop;

// The agent service and the pool manager: what a chat passes through. The agent service has a model service
// of its own here when this process serves one, so that a cloud_shared chat crosses no loop.
class FrontLoop {
 public:
  FrontLoop(const PlatformConfig& config, std::set<std::string> roles, std::string internal_secret);
  ~FrontLoop();

  // `back` may serve nothing: what it lacks is reached by URL.
  Result<void> start(Listeners& listeners, BackLoop& back);
  // The pool takes no new sessions; returns when those that are there have ended, or after
  // pool.drain_timeout.
  void drain();
  void stop(bool remove_sandboxes);

 private:
  Result<void> open_stores();
  Task<Result<void>> bring_up(Listeners& listeners, BackLoop& back);
  Task<Result<void>> bring_up_pool(Listeners& listeners, BackLoop& back);
  Task<Result<void>> bring_up_agent(Listeners& listeners);
  Task<void> tear_down(bool remove_sandboxes);

  const PlatformConfig& config_;
  std::set<std::string> roles_;
  std::string internal_secret_;
  std::unique_ptr<store::sqlite::SqliteStore> store_;
  std::unique_ptr<store::sqlite::SqliteStore> leases_;           // A file of its own: see open_stores().
  std::unique_ptr<store::redis::RedisPoolStore> shared_leases_;  // Instead, when pool managers share them.
  std::unique_ptr<store::EventLog> log_;
  std::unique_ptr<WebhookSealer> sealer_;
  net::EventLoop loop_{"isa-front"};
  std::unique_ptr<net::TlsConnector> tls_;
  std::unique_ptr<net::Client> client_;
  std::unique_ptr<cloud_os::VmClient> vms_;
  std::unique_ptr<model::ModelClient> model_;
  std::unique_ptr<pool::Service> pool_;
  std::unique_ptr<pool::PoolClient> remote_pool_;
  std::unique_ptr<agent::Service> agent_;
  std::unique_ptr<net::Server> pool_server_;
  std::unique_ptr<net::Server> agent_server_;
};

}  // namespace isa::app
