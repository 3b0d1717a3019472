#include "store/idempotency_store.h"

#include "store/sqlite/engine.h"
#include "store/sqlite/stores.h"

namespace isa::store::sqlite {
namespace {

json::array document_of(const std::vector<std::pair<std::string, std::string>>& headers) {
  json::array list;
  for (const auto& [name, value] : headers) list.push_back(json::array{name, value});
  return list;
}

Result<std::vector<std::pair<std::string, std::string>>> headers_of(const std::string& text) {
  ISA_TRY(const auto document, parse_document(text));
  ISA_TRY(const auto fields, json::read<std::vector<std::vector<std::string>>>(document));
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& field : fields) headers.emplace_back(field.at(0), field.at(1));
  return headers;
}

Result<KnownKey> read_key(const Row& row) {
  KnownKey known;
  std::optional<std::int64_t> status;
  std::optional<std::string> headers;
  std::optional<Blob> body;
  ISA_TRYV(take_all(row, 0, known.state, known.fingerprint, known.seed, known.since, status, headers, body));
  if (!status || !headers || !body) return known;
  KeptAnswer answer{.status = static_cast<int>(*status), .body = std::move(body->bytes)};
  ISA_TRY(answer.headers, headers_of(*headers));
  known.answer = std::move(answer);
  return known;
}

Result<std::optional<KnownKey>> find(Database& db, const UserKey& key, Timestamp not_before) {
  return find_one(db, read_key,
                  "SELECT state, fingerprint, seed, since, status, headers, body FROM idempotency_keys "
                  "WHERE user_id = ?1 AND key = ?2 AND since >= ?3",
                  key.user, key.key, not_before);
}

Result<std::optional<KnownKey>> claim_key(Database& db, const UserKey& key, const KnownKey& wanted) {
  ISA_TRY(auto known, find(db, key, wanted.since - IdempotencyStore::kKept));
  if (!known) {
    ISA_TRYV(run(db,
                 "INSERT OR REPLACE INTO idempotency_keys (user_id, key, state, fingerprint, seed, since) "
                 "VALUES (?1, ?2, 'in_flight', ?3, ?4, ?5)",
                 key.user, key.key, wanted.fingerprint, wanted.seed, wanted.since));
    return std::optional<KnownKey>();
  }
  if (known->state == KeyState::cut_off && known->fingerprint == wanted.fingerprint)
    ISA_TRYV(run(db, "UPDATE idempotency_keys SET state = 'in_flight' WHERE user_id = ?1 AND key = ?2",
                 key.user, key.key));
  return known;
}

Result<void> keep_answer(Database& db, const UserKey& key, const std::optional<KeptAnswer>& answer) {
  if (!answer)
    return run(db, "UPDATE idempotency_keys SET state = 'answered' WHERE user_id = ?1 AND key = ?2", key.user,
               key.key);
  const auto headers = json::serialize(document_of(answer->headers));
  const Blob body{answer->body};
  return run(db,
             "UPDATE idempotency_keys SET state = 'answered', status = ?3, headers = ?4, body = ?5 "
             "WHERE user_id = ?1 AND key = ?2",
             key.user, key.key, static_cast<std::int64_t>(answer->status), headers, body);
}

class Keys final : public IdempotencyStore {
 public:
  explicit Keys(Engine& engine) : engine_(engine) {}

  Task<Result<std::optional<KnownKey>>> claim(UserKey key, KnownKey wanted) override {
    return engine_.write<std::optional<KnownKey>>([key = std::move(key), wanted = std::move(wanted)](
                                                      Database& db) { return claim_key(db, key, wanted); });
  }

  Task<Result<void>> keep(UserKey key, std::optional<KeptAnswer> answer) override {
    return engine_.write<void>([key = std::move(key), answer = std::move(answer)](Database& db) {
      return keep_answer(db, key, answer);
    });
  }

  Task<Result<void>> cut_off(UserKey key) override {
    return engine_.write<void>([key = std::move(key)](Database& db) {
      return run(db,
                 "UPDATE idempotency_keys SET state = 'cut_off' "
                 "WHERE user_id = ?1 AND key = ?2 AND state = 'in_flight'",
                 key.user, key.key);
    });
  }

  Task<Result<std::int64_t>> cut_off_all() override {
    return engine_.write<std::int64_t>([](Database& db) {
      return change(db, "UPDATE idempotency_keys SET state = 'cut_off' WHERE state = 'in_flight'");
    });
  }

  Task<Result<void>> forget(UserKey key) override {
    return engine_.write<void>([key = std::move(key)](Database& db) {
      return run(db, "DELETE FROM idempotency_keys WHERE user_id = ?1 AND key = ?2", key.user, key.key);
    });
  }

  Task<Result<std::int64_t>> purge(Timestamp before) override {
    return engine_.write<std::int64_t>([before](Database& db) {
      return change(db, "DELETE FROM idempotency_keys WHERE since < ?1", before);
    });
  }

 private:
  Engine& engine_;
};

}  // namespace

std::unique_ptr<IdempotencyStore> make_idempotency_store(Engine& engine) {
  return std::make_unique<Keys>(engine);
}

}  // namespace isa::store::sqlite
