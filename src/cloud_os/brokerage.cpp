#include "cloud_os/brokerage.h"

#include "base/log.h"
#include "net/tls/tls.h"

namespace isa::cloud_os {
namespace {

constexpr auto kFlushEvery = std::chrono::seconds(1);
constexpr auto kForgetEvery = std::chrono::hours(1);

}  // namespace

struct Brokerage::Parts {
  std::unique_ptr<store::sqlite::SqliteStore> store;
  std::unique_ptr<net::TlsConnector> tls;
  std::unique_ptr<WebSearcher> searcher;
  HostTable table;
  std::unique_ptr<NameLookup> names;
  SecretsKey key;
};

Result<std::unique_ptr<Brokerage>> Brokerage::open(asio::any_io_executor executor,
                                                   const std::filesystem::path& data_dir,
                                                   const Settings& settings, model::ModelClient& models,
                                                   net::Metrics& metrics, std::unique_ptr<NameLookup> names) {
  ISA_TRY(auto table, HostTable::parse(settings.egress_hosts));
  ISA_TRY(auto tls, net::make_tls_connector({.file = {}, .extra_file = settings.egress_ca}));
  ISA_TRY(auto searcher, WebSearcher::make(settings, *tls));
  ISA_TRY(auto key, SecretsKey::load(settings.secrets_key, data_dir / "secrets.key"));
  ISA_TRY(auto store, store::sqlite::SqliteStore::open(data_dir / "cloud_os.db"));
  Parts parts{std::move(store), std::move(tls),   std::move(searcher),
              std::move(table), std::move(names), std::move(key)};
  return std::unique_ptr<Brokerage>(
      new Brokerage(std::move(executor), std::move(parts), settings, models, metrics));
}

Brokerage::Brokerage(asio::any_io_executor executor, Parts parts, const Settings& settings,
                     model::ModelClient& models, net::Metrics& metrics)
    : models_(models),
      store_(std::move(parts.store)),
      tls_(std::move(parts.tls)),
      searcher_(std::move(parts.searcher)),
      destinations_(std::move(parts.table), std::move(parts.names)),
      secrets_(store_->secrets(), std::move(parts.key)),
      trail_(store_->sandbox_audit()),
      numbers_(metrics),
      renewer_(executor, secrets_, destinations_, *tls_,
               [this](store::SandboxAuditEntry entry) {
                 numbers_.count(entry);
                 trail_.record(std::move(entry));
               }),
      audit_kept_(24 * settings.audit_days),
      tasks_(std::move(executor)) {}

void Brokerage::start() {
  tasks_.spawn("cloud_os.audit", flush_often());
}

Task<void> Brokerage::stop() {
  co_await renewer_.stop();
  co_await tasks_.stop();
  co_await flush();
}

Task<void> Brokerage::flush() {
  co_await trail_.flush();
  co_await secrets_.flush_uses();
}

Task<void> Brokerage::flush_often() {
  auto forget_at = Deadline::Clock::now();
  for (;;) {
    if (Deadline::Clock::now() >= forget_at) {
      forget_at += kForgetEvery;
      const auto forgotten = co_await store_->sandbox_audit().forget_before(now() - audit_kept_);
      if (!forgotten) log::warn("audit.not_forgotten", {{"message", forgotten.error().message()}});
    }
    co_await sleep_for(kFlushEvery);
    co_await flush();
  }
}

}  // namespace isa::cloud_os
