#include "store/sqlite/engine.h"
#include "store/sqlite/stores.h"

namespace isa::store::sqlite {
namespace {

// Every query of instances begins with these columns; read_instance() counts on their order.
#define ISA_SELECT_INSTANCE                                                                                  \
  "SELECT i.id, i.pool_type, i.sandbox_id, i.state, i.created_at, i.changed_at, l.id, l.fencing_token, "     \
  "l.session_id, l.user_id, l.org_id, l.agent_config_id, l.acquired_at, l.expires_at FROM pool_instances i " \
  "LEFT JOIN "                                                                                               \
  "leases l ON l.instance_id = i.id "

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
  ISA_TRYV(take_all(row, 0, i.id, i.pool_type, i.sandbox_id, i.state, i.created_at, i.changed_at));
  if (!row.is_null(6)) {
    ISA_TRY(i.lease, read_lease_at(row, 6));
  }
  return i;
}

Result<PoolInstance> find_instance(Database& db, const InstanceId& id) {
  ISA_TRY(auto found, find_one(db, read_instance, ISA_SELECT_INSTANCE "WHERE i.id = ?1", id));
  if (!found) return not_found("instance {} does not exist", id.value());
  return *std::move(found);
}

Result<void> set_state(Database& db, const InstanceId& id, InstanceState state, Timestamp at) {
  return run(db, "UPDATE pool_instances SET state = ?2, changed_at = ?3 WHERE id = ?1", id, state, at);
}

Result<std::optional<PoolInstance>> claim_oldest(Database& db, const std::string& pool_type,
                                                 const Lease& wanted, Timestamp at) {
  ISA_TRY(auto found, find_one(db, read_instance,
                               ISA_SELECT_INSTANCE "WHERE i.pool_type = ?1 AND i.state = 'warm' "
                                                   "ORDER BY i.created_at, i.id LIMIT 1",
                               pool_type));
  if (!found) return found;
  ISA_TRY(const auto token,
          find_one(db, take_one<std::int64_t>, "UPDATE fencing_tokens SET last = last + 1 RETURNING last"));
  if (!token) return internal_error("the database has lost its fencing tokens; restore a backup");
  auto lease = wanted;
  lease.fencing_token = *token;
  ISA_TRYV(set_state(db, found->id, InstanceState::leased, at));
  ISA_TRYV(
      run(db,
          "INSERT INTO leases (instance_id, id, fencing_token, session_id, user_id, org_id, agent_config_id, "
          "acquired_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
          found->id, lease.id, lease.fencing_token, lease.session_id, lease.user_id, lease.org_id,
          lease.agent_config_id, lease.acquired_at, lease.expires_at));
  found->state = InstanceState::leased;
  found->changed_at = at;
  found->lease = std::move(lease);
  return found;
}

Result<PoolInstance> move_instance(Database& db, const InstanceId& id, InstanceState from, InstanceState to,
                                   Timestamp at) {
  ISA_TRY(auto instance, find_instance(db, id));
  if (instance.state != from)
    return conflict("instance {} is {}, not {}", id.value(), json::name_of(instance.state),
                    json::name_of(from));
  ISA_TRYV(set_state(db, id, to, at));
  instance.state = to;
  instance.changed_at = at;
  if (to != InstanceState::leased && to != InstanceState::draining) {
    ISA_TRYV(run(db, "DELETE FROM leases WHERE instance_id = ?1", id));
    instance.lease.reset();
  }
  return instance;
}

class Pool final : public PoolStore {
 public:
  explicit Pool(Engine& engine) : engine_(engine) {}

  Task<Result<void>> add(PoolInstance instance) override {
    return engine_.write<void>([i = std::move(instance)](Database& db) -> Result<void> {
      // A lease without a token of this store would break the promise that tokens grow.
      if (i.lease)
        return internal_error("a lease is made by claiming, not by adding instance {}", i.id.value());
      ISA_TRY(const auto added,
              change(db,
                     "INSERT INTO pool_instances (id, pool_type, sandbox_id, state, created_at, changed_at) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                     i.id, i.pool_type, i.sandbox_id, i.state, i.created_at, i.changed_at));
      if (added == 0) return conflict("the instance id {} is taken", i.id.value());
      return ok();
    });
  }

  Task<Result<PoolInstance>> move(InstanceId id, InstanceState from, InstanceState to,
                                  Timestamp at) override {
    return engine_.write<PoolInstance>(
        [id = std::move(id), from, to, at](Database& db) { return move_instance(db, id, from, to, at); });
  }

  Task<Result<std::optional<PoolInstance>>> claim(std::string pool_type, Lease lease, Timestamp at) override {
    return engine_.write<std::optional<PoolInstance>>(
        [pool_type = std::move(pool_type), lease = std::move(lease), at](Database& db) {
          return claim_oldest(db, pool_type, lease, at);
        });
  }

  Task<Result<std::optional<PoolInstance>>> find_session(std::string pool_type, SessionId session,
                                                         Timestamp at) override {
    return engine_.read<std::optional<PoolInstance>>(
        [pool_type = std::move(pool_type), session = std::move(session), at](Database& db) {
          return find_one(db, read_instance,
                          ISA_SELECT_INSTANCE
                          "WHERE l.session_id = ?1 AND i.pool_type = ?2 AND i.state = 'leased' "
                          "AND l.expires_at > ?3 ORDER BY l.fencing_token DESC LIMIT 1",
                          session, pool_type, at);
        });
  }

  Task<Result<PoolInstance>> find(InstanceId id) override {
    return engine_.read<PoolInstance>([id = std::move(id)](Database& db) { return find_instance(db, id); });
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

  Task<Result<std::vector<PoolInstance>>> list(std::string pool_type) override {
    return engine_.read<std::vector<PoolInstance>>([pool_type = std::move(pool_type)](Database& db) {
      return find_all(db, read_instance,
                      ISA_SELECT_INSTANCE "WHERE i.pool_type = ?1 ORDER BY i.created_at, i.id", pool_type);
    });
  }

  Task<Result<void>> remove(InstanceId id) override {
    return engine_.write<void>([id = std::move(id)](Database& db) -> Result<void> {
      ISA_TRYV(run(db, "DELETE FROM pool_instances WHERE id = ?1", id));
      return ok();
    });
  }

 private:
  Engine& engine_;
};

#undef ISA_SELECT_INSTANCE

}  // namespace

std::unique_ptr<PoolStore> make_pool_store(Engine& engine) {
  return std::make_unique<Pool>(engine);
}

}  // namespace isa::store::sqlite
