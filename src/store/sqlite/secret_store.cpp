#include "store/secret.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/stores.h"

namespace isa::store::sqlite {
namespace {

#define ISA_SELECT_SECRET "SELECT document, created_at, used_at, sealed, revision FROM secrets "

// "user:" or "org:" and an id: whose sandboxes use it, and where its name is unique.
std::string holder_of(const UserId& user, const std::optional<OrgId>& org) {
  return org ? "org:" + org->value() : "user:" + user.value();
}

Result<SealedSecret> read_sealed(const Row& row) {
  ISA_TRY(const auto document, parse_document(row.bytes(0)));
  SealedSecret found;
  ISA_TRY(found.secret, json::read<Secret>(document));
  Blob sealed;
  ISA_TRYV(take_all(row, 1, found.secret.created_at, found.secret.used_at, sealed, found.revision));
  found.sealed = std::move(sealed.bytes);
  return found;
}

Result<SealedSecret> find_by_id(Database& db, const SecretId& id) {
  ISA_TRY(auto found, find_one(db, read_sealed, ISA_SELECT_SECRET "WHERE id = ?1", id));
  if (!found) return not_found("the secret does not exist any more");
  return *std::move(found);
}

class Secrets final : public SecretStore {
 public:
  explicit Secrets(Engine& engine) : engine_(engine) {}

  Task<Result<Secret>> put(SealedSecret given) override {
    return engine_.write<Secret>([given = std::move(given)](Database& db) -> Result<Secret> {
      const auto holder = holder_of(given.secret.owner_id, given.secret.org_id);
      ISA_TRY(const auto former,
              find_one(db, read_sealed, ISA_SELECT_SECRET "WHERE holder = ?1 AND name = ?2", holder,
                       given.secret.name));
      auto secret = given.secret;
      if (former) {
        secret.id = former->secret.id;
        secret.created_at = former->secret.created_at;
        secret.used_at = former->secret.used_at;
      }
      ISA_TRYV(
          run(db,
              "INSERT INTO secrets (id, holder, name, created_at, used_at, document, sealed) VALUES (?1, ?2, "
              "?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET document = ?6, sealed = ?7, revision = "
              "revision + 1",
              secret.id, holder, secret.name, secret.created_at, secret.used_at,
              json::serialize(json::write(secret)), Blob{given.sealed}));
      return secret;
    });
  }

  Task<Result<std::vector<SealedSecret>>> list(UserId user, std::optional<OrgId> org) override {
    return engine_.read<std::vector<SealedSecret>>(
        [user = std::move(user), org = std::move(org)](Database& db) -> Result<std::vector<SealedSecret>> {
          constexpr auto kOfHolder = ISA_SELECT_SECRET "WHERE holder = ?1 ORDER BY name";
          ISA_TRY(auto found, find_all(db, read_sealed, kOfHolder, holder_of(user, std::nullopt)));
          if (!org) return found;
          ISA_TRY(auto shared, find_all(db, read_sealed, kOfHolder, holder_of(user, org)));
          std::ranges::move(shared, std::back_inserter(found));
          return found;
        });
  }

  Task<Result<void>> remove(UserId user, std::optional<OrgId> org, std::string name) override {
    return engine_.write<void>([user = std::move(user), org = std::move(org),
                                name = std::move(name)](Database& db) -> Result<void> {
      ISA_TRY(const auto removed,
              change(db, "DELETE FROM secrets WHERE holder = ?1 AND name = ?2", holder_of(user, org), name));
      if (removed == 0) return not_found("the secret '{}' does not exist", name);
      return ok();
    });
  }

  Task<Result<SealedSecret>> find(SecretId id) override {
    return engine_.read<SealedSecret>(
        [id = std::move(id)](Database& db) -> Result<SealedSecret> { return find_by_id(db, id); });
  }

  Task<Result<void>> renew(SealedSecret given) override {
    return engine_.write<void>([given = std::move(given)](Database& db) -> Result<void> {
      ISA_TRY(auto found, find_by_id(db, given.secret.id));
      if (found.revision != given.revision)
        return conflict("the secret '{}' was set while it was renewed", found.secret.name);
      found.secret.oauth = given.secret.oauth;
      return run(db, "UPDATE secrets SET document = ?2, sealed = ?3, revision = revision + 1 WHERE id = ?1",
                 found.secret.id, json::serialize(json::write(found.secret)), Blob{given.sealed});
    });
  }

  Task<Result<void>> note_failure(SecretId id, std::int64_t revision, RenewalFailure failure) override {
    return engine_.write<void>(
        [id = std::move(id), revision, failure = std::move(failure)](Database& db) -> Result<void> {
          auto found = find_by_id(db, id);
          if (!found && found.error().kind() == ErrorKind::not_found) return ok();
          if (!found) return std::move(found).error();
          if (found->revision != revision || !found->secret.oauth) return ok();
          found->secret.oauth->last_error = failure;
          return run(db, "UPDATE secrets SET document = ?2 WHERE id = ?1", id,
                     json::serialize(json::write(found->secret)));
        });
  }

  Task<Result<void>> mark_used(std::vector<SecretId> ids, Timestamp at) override {
    return engine_.write<void>([ids = std::move(ids), at](Database& db) -> Result<void> {
      for (const auto& id : ids) ISA_TRYV(run(db, "UPDATE secrets SET used_at = ?2 WHERE id = ?1", id, at));
      return ok();
    });
  }

 private:
  Engine& engine_;
};

#undef ISA_SELECT_SECRET

}  // namespace

std::unique_ptr<SecretStore> make_secret_store(Engine& engine) {
  return std::make_unique<Secrets>(engine);
}

}  // namespace isa::store::sqlite
