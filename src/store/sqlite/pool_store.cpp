#include "store/sqlite/engine.h"
#include "store/sqlite/stores.h"

#include <mutex>

namespace isa::store::sqlite {
namespace {

// Every query of instances begins with these columns; read_instance() counts on their order.
#define ISA_SELECT_INSTANCE                                                                                  \
  "SELECT i.id, i.pool, i.shape, i.manager, i.sandbox_id, i.endpoint, i.state, i.created_at, i.changed_at, " \
  "i.probed_at, l.id, l.fencing_token, l.session_id, l.user_id, l.org_id, l.agent_config_id, "               \
  "l.acquired_at, l.expires_at FROM pool_instances i LEFT JOIN leases l ON l.instance_id = i.id "

Result<Lease> read_lease_at(const Row& row, int first) {
  Lease l;
  ISA_TRYV(take_all(row, first, l.id, l.fencing_token, l.session_id, l.user_id, l.org_id, l.agent_config_id,
                    l.acquired_at, l.expires_at));
  return l;
}

Result<Lease> read_lease(const Row& row) {
  return read_lease_at(row, 0);
}

Result<PoolInstance> read_instance(const Row& row) {
  PoolInstance i;
  ISA_TRYV(take_all(row, 0, i.id, i.pool, i.shape, i.manager, i.sandbox_id, i.endpoint, i.state, i.created_at,
                    i.changed_at, i.probed_at));
  if (!row.is_null(10)) {
    ISA_TRY(i.lease, read_lease_at(row, 10));
  }
  return i;
}

using Config = std::pair<std::string, std::string>;

Result<Config> read_config(const Row& row) {
  Config config;
  ISA_TRYV(take_all(row, 0, config.first, config.second));
  return config;
}

Result<PoolInstance> find_instance(Database& db, const InstanceId& id) {
  ISA_TRY(auto found, find_one(db, read_instance, ISA_SELECT_INSTANCE "WHERE i.id = ?1", id));
  if (!found) return not_found("instance {} does not exist", id.value());
  return *std::move(found);
}

Result<PoolInstance> find_in_state(Database& db, const InstanceId& id, InstanceState expected) {
  ISA_TRY(auto instance, find_instance(db, id));
  if (instance.state != expected)
    return conflict("instance {} is {}, not {}", id.value(), json::name_of(instance.state),
                    json::name_of(expected));
  return instance;
}

Result<void> set_state(Database& db, PoolInstance& instance, InstanceState state, Timestamp at) {
  instance.state = state;
  instance.changed_at = at;
  return run(db, "UPDATE pool_instances SET state = ?2, changed_at = ?3 WHERE id = ?1", instance.id, state,
             at);
}

Result<PoolInstance> move_instance(Database& db, const InstanceId& id, InstanceState from, InstanceState to,
                                   Timestamp at) {
  ISA_TRY(auto instance, find_in_state(db, id, from));
  ISA_TRYV(set_state(db, instance, to, at));
  if (to != InstanceState::draining) {
    ISA_TRYV(run(db, "DELETE FROM leases WHERE instance_id = ?1", id));
    instance.lease.reset();
  }
  return instance;
}

struct StateCount {
  InstanceState state{};
  std::int64_t of_shape = 0, others = 0;
};

Result<StateCount> read_count(const Row& row) {
  StateCount count;
  ISA_TRYV(take_all(row, 0, count.state, count.of_shape, count.others));
  return count;
}

Result<PoolCounts> count(Database& db, const std::string& pool, const std::string& shape) {
  ISA_TRY(const auto rows, find_all(db, read_count,
                                    "SELECT state, sum(shape = ?2), sum(shape <> ?2) FROM pool_instances "
                                    "WHERE pool = ?1 GROUP BY state",
                                    pool, shape));
  PoolCounts counts;
  for (const auto& row : rows) {
    const auto all = static_cast<std::size_t>(row.of_shape + row.others);
    switch (row.state) {
      case InstanceState::creating: counts.creating = all; break;
      case InstanceState::warm:
        counts.warm = static_cast<std::size_t>(row.of_shape);
        counts.outdated = static_cast<std::size_t>(row.others);
        break;
      case InstanceState::leased: counts.leased = all; break;
      case InstanceState::draining:
      case InstanceState::failed: counts.leaving += all; break;
      case InstanceState::destroyed: break;
    }
  }
  return counts;
}

Result<bool> reserve_row(Database& db, const PoolInstance& i, PoolRoom room) {
  // A lease without a token of this store would break the promise that tokens grow.
  if (i.lease || i.state != InstanceState::creating)
    return internal_error("instance {} is not about to be made", i.id.value());
  ISA_TRY(const auto counts, count(db, i.pool, i.shape));
  if (counts.total() >= room.total || counts.unleased() >= room.unleased) return false;
  ISA_TRY(
      const auto added,
      change(db,
             "INSERT INTO pool_instances (id, pool, shape, manager, sandbox_id, endpoint, state, created_at, "
             "changed_at, probed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
             i.id, i.pool, i.shape, i.manager, i.sandbox_id, i.endpoint, i.state, i.created_at, i.changed_at,
             i.probed_at));
  if (added == 0) return conflict("the instance id {} is taken", i.id.value());
  return true;
}

Result<std::optional<PoolInstance>> find_leased_by(Database& db, const ClaimRequest& r) {
  ISA_TRY(auto held, find_one(db, read_instance,
                              ISA_SELECT_INSTANCE
                              "WHERE l.session_id = ?1 AND i.pool = ?2 AND i.state = 'leased' LIMIT 1",
                              r.lease.session_id, r.pool));
  if (!held || held->lease->expires_at >= r.lease.expires_at) return held;
  held->lease->expires_at = r.lease.expires_at;
  ISA_TRYV(run(db, "UPDATE leases SET expires_at = ?2 WHERE instance_id = ?1", held->id, r.lease.expires_at));
  return held;
}

Result<std::optional<Claimed>> claim_for(Database& db, const ClaimRequest& r) {
  ISA_TRY(auto held, find_leased_by(db, r));
  if (held) return Claimed{*std::move(held), false};
  ISA_TRY(auto found,
          find_one(db, read_instance,
                   ISA_SELECT_INSTANCE "WHERE i.pool = ?1 AND i.state = 'warm' AND i.shape = ?2 "
                                       "AND i.probed_at >= ?3 ORDER BY i.created_at, i.id LIMIT 1",
                   r.pool, r.shape, r.probed_since));
  if (!found) return std::nullopt;
  ISA_TRY(const auto token,
          find_one(db, take_one<std::int64_t>, "UPDATE fencing_tokens SET last = last + 1 RETURNING last"));
  if (!token) return internal_error("the database has lost its fencing tokens; restore a backup");
  auto lease = r.lease;
  lease.fencing_token = *token;
  found->state = InstanceState::leased;
  found->changed_at = r.at;
  found->manager = r.manager;
  ISA_TRYV(run(db, "UPDATE pool_instances SET state = 'leased', changed_at = ?2, manager = ?3 WHERE id = ?1",
               found->id, r.at, r.manager));
  ISA_TRYV(
      run(db,
          "INSERT INTO leases (instance_id, id, fencing_token, session_id, user_id, org_id, agent_config_id, "
          "acquired_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
          found->id, lease.id, lease.fencing_token, lease.session_id, lease.user_id, lease.org_id,
          lease.agent_config_id, lease.acquired_at, lease.expires_at));
  found->lease = std::move(lease);
  return Claimed{*std::move(found), true};
}

class Pool final : public PoolStore {
 public:
  explicit Pool(Engine& engine) : engine_(engine) {}

  bool is_shared() const override { return false; }

  Task<Result<bool>> reserve(PoolInstance instance, PoolRoom room) override {
    return engine_.write<bool>(
        [i = std::move(instance), room](Database& db) { return reserve_row(db, i, room); });
  }

  Task<Result<PoolInstance>> make_ready(InstanceId id, SandboxId sandbox, std::string endpoint,
                                        Timestamp at) override {
    return engine_.write<PoolInstance>([id = std::move(id), sandbox = std::move(sandbox),
                                        endpoint = std::move(endpoint),
                                        at](Database& db) -> Result<PoolInstance> {
      ISA_TRY(auto instance, find_in_state(db, id, InstanceState::creating));
      ISA_TRYV(
          run(db,
              "UPDATE pool_instances SET state = 'warm', sandbox_id = ?2, endpoint = ?3, changed_at = ?4, "
              "probed_at = ?4 WHERE id = ?1",
              id, sandbox, endpoint, at));
      return find_instance(db, id);
    });
  }

  Task<Result<PoolInstance>> move(InstanceId id, InstanceState from, InstanceState to,
                                  Timestamp at) override {
    return engine_.write<PoolInstance>(
        [id = std::move(id), from, to, at](Database& db) { return move_instance(db, id, from, to, at); });
  }

  Task<Result<void>> note_probes(std::vector<InstanceId> ids, Timestamp at) override {
    return engine_.write<void>([ids = std::move(ids), at](Database& db) -> Result<void> {
      for (const auto& id : ids)
        ISA_TRYV(run(db, "UPDATE pool_instances SET probed_at = ?2 WHERE id = ?1", id, at));
      return ok();
    });
  }

  Task<Result<PoolInstance>> adopt(InstanceId id, ManagerId from, ManagerId to) override {
    return engine_.write<PoolInstance>([id = std::move(id), from = std::move(from),
                                        to = std::move(to)](Database& db) -> Result<PoolInstance> {
      ISA_TRY(
          const auto adopted,
          change(db, "UPDATE pool_instances SET manager = ?3 WHERE id = ?1 AND manager = ?2", id, from, to));
      ISA_TRY(auto instance, find_instance(db, id));
      if (adopted == 0) return conflict("instance {} is looked after by another manager", id.value());
      return instance;
    });
  }

  Task<Result<PoolInstance>> find(InstanceId id) override {
    return engine_.read<PoolInstance>([id = std::move(id)](Database& db) { return find_instance(db, id); });
  }

  Task<Result<std::vector<PoolInstance>>> list(std::string pool) override {
    return engine_.read<std::vector<PoolInstance>>([pool = std::move(pool)](Database& db) {
      return find_all(db, read_instance, ISA_SELECT_INSTANCE "WHERE i.pool = ?1 ORDER BY i.created_at, i.id",
                      pool);
    });
  }

  Task<Result<PoolCounts>> counts(std::string pool, std::string shape) override {
    return engine_.read<PoolCounts>(
        [pool = std::move(pool), shape = std::move(shape)](Database& db) { return count(db, pool, shape); });
  }

  Task<Result<void>> remove(InstanceId id) override {
    return engine_.write<void>([id = std::move(id)](Database& db) -> Result<void> {
      return run(db, "DELETE FROM pool_instances WHERE id = ?1", id);
    });
  }

  Task<Result<std::optional<Claimed>>> claim(ClaimRequest request) override {
    return engine_.write<std::optional<Claimed>>(
        [request = std::move(request)](Database& db) { return claim_for(db, request); });
  }

  Task<Result<Lease>> renew(InstanceId id, std::int64_t fencing_token, Timestamp expires_at) override {
    return engine_.write<Lease>([id = std::move(id), fencing_token,
                                 expires_at](Database& db) -> Result<Lease> {
      ISA_TRY(
          auto lease,
          find_one(db, read_lease,
                   "UPDATE leases SET expires_at = max(expires_at, ?3) WHERE instance_id = ?1 AND "
                   "fencing_token = ?2 AND (SELECT state FROM pool_instances WHERE id = ?1) = 'leased' "
                   "RETURNING id, fencing_token, session_id, user_id, org_id, agent_config_id, acquired_at, "
                   "expires_at",
                   id, fencing_token, expires_at));
      if (!lease)
        return conflict("the lease of instance {} with token {} is over; acquire an instance again",
                        id.value(), fencing_token);
      return *std::move(lease);
    });
  }

  Task<Result<PoolInstance>> expire(InstanceId id, Timestamp at) override {
    return engine_.write<PoolInstance>([id = std::move(id), at](Database& db) -> Result<PoolInstance> {
      ISA_TRY(auto instance, find_in_state(db, id, InstanceState::leased));
      if (!instance.lease || instance.lease->expires_at > at)
        return conflict("the lease of instance {} was renewed", id.value());
      ISA_TRYV(set_state(db, instance, InstanceState::draining, at));
      return instance;
    });
  }

  // The file has one owner (FileLock), so who has not said so to this very object is dead.
  Task<Result<void>> beat(ManagerId manager, Timestamp until) override {
    const std::scoped_lock lock(mutex_);
    alive_until_[std::move(manager)] = until;
    co_return ok();
  }
  Task<Result<void>> leave(ManagerId manager) override {
    const std::scoped_lock lock(mutex_);
    alive_until_.erase(manager);
    co_return ok();
  }
  Task<Result<std::set<ManagerId>>> managers(Timestamp at) override {
    const std::scoped_lock lock(mutex_);
    std::set<ManagerId> alive;
    for (const auto& [manager, until] : alive_until_)
      if (until > at) alive.insert(manager);
    co_return alive;
  }

  Task<Result<void>> put_config(std::string pool, std::string config) override {
    auto written = co_await engine_.write<void>(
        [pool = std::move(pool), config = std::move(config)](Database& db) -> Result<void> {
          return run(db,
                     "INSERT INTO pool_configs (pool, config) VALUES (?1, ?2) "
                     "ON CONFLICT (pool) DO UPDATE SET config = excluded.config",
                     pool, config);
        });
    if (!written) co_return written;
    co_return co_await sync();
  }
  Task<Result<void>> remove_config(std::string pool) override {
    auto removed = co_await engine_.write<void>([pool = std::move(pool)](Database& db) -> Result<void> {
      return run(db, "DELETE FROM pool_configs WHERE pool = ?1", pool);
    });
    if (!removed) co_return removed;
    co_return co_await sync();
  }
  Task<Result<std::map<std::string, std::string>>> configs() override {
    using Configs = std::map<std::string, std::string>;
    return engine_.read<Configs>([](Database& db) -> Result<Configs> {
      ISA_TRY(auto rows, find_all(db, read_config, "SELECT pool, config FROM pool_configs"));
      return Configs(rows.begin(), rows.end());
    });
  }

 private:
  // A checkpoint syncs the write-ahead log first (https://www.sqlite.org/pragma.html#pragma_synchronous),
  // also where commits do not.
  Task<Result<void>> sync() {
    return engine_.read<void>([](Database& db) { return db.execute("PRAGMA wal_checkpoint(PASSIVE)"); });
  }

  Engine& engine_;
  std::mutex mutex_;
  std::map<ManagerId, Timestamp> alive_until_;  // Under mutex_.
};

#undef ISA_SELECT_INSTANCE

}  // namespace

std::unique_ptr<PoolStore> make_pool_store(Engine& engine) {
  return std::make_unique<Pool>(engine);
}

}  // namespace isa::store::sqlite
