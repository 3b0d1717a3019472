// What the brokers of all sandboxes of a process share.
#pragma once

#include "base/task_group.h"
#include "cloud_os/audit_trail.h"
#include "cloud_os/broker_numbers.h"
#include "cloud_os/egress/egress.h"
#include "cloud_os/secrets/token_renewer.h"
#include "cloud_os/secrets/vault.h"
#include "cloud_os/settings.h"
#include "cloud_os/web/web_searcher.h"
#include "model/client.h"
#include "store/sqlite/sqlite_store.h"

namespace isa::cloud_os {

// Lives on the brokers' event loop, which is the model client's too. Await stop() before it is destroyed.
class Brokerage {
 public:
  // Opens <data>/cloud_os.db and the secrets' key, making what is missing. `names` is the system's resolver
  // unless a test brings another. Blocks.
  static Result<std::unique_ptr<Brokerage>> open(asio::any_io_executor executor,
                                                 const std::filesystem::path& data_dir,
                                                 const Settings& settings, model::ModelClient& models,
                                                 net::Metrics& metrics,
                                                 std::unique_ptr<NameLookup> names = make_system_lookup());
  Brokerage(const Brokerage&) = delete;
  Brokerage& operator=(const Brokerage&) = delete;

  // Writes the audit trail every second from now on.
  void start();
  Task<void> stop();

  model::ModelClient& models() { return models_; }
  Outside outside() { return {&destinations_, tls_.get()}; }
  SecretVault& secrets() { return secrets_; }
  TokenRenewer& renewer() { return renewer_; }
  WebSearcher& searcher() { return *searcher_; }
  AuditTrail& trail() { return trail_; }
  store::SandboxAuditStore& audit() { return store_->sandbox_audit(); }
  store::IdempotencyStore& idempotency() { return store_->idempotency(); }  // In the same file.
  BrokerNumbers& numbers() { return numbers_; }
  const EgressLimits& egress_limits() const { return egress_limits_; }
  void limit_egress(EgressLimits limits) {
    egress_limits_ = limits;
  }  // Of brokers that are made from now on.

 private:
  struct Parts;
  Brokerage(asio::any_io_executor executor, Parts parts, const Settings& settings, model::ModelClient& models,
            net::Metrics& metrics);
  Task<void> flush_often();
  Task<void> flush();

  model::ModelClient& models_;
  std::unique_ptr<store::sqlite::SqliteStore> store_;
  std::unique_ptr<net::TlsConnector> tls_;
  std::unique_ptr<WebSearcher> searcher_;
  Destinations destinations_;
  SecretVault secrets_;
  AuditTrail trail_;
  BrokerNumbers numbers_;
  TokenRenewer renewer_;
  EgressLimits egress_limits_;
  std::chrono::hours audit_kept_;
  TaskGroup tasks_;
};

}  // namespace isa::cloud_os
