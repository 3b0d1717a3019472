// For the contract tests: every engine that implements the stores, one after the other. An engine joins by
// adding itself to engines(); the tests stay as they are.
#pragma once

#include "base/testing.h"
#include "store/agent_config.h"
#include "store/agent_template.h"
#include "store/idempotency_store.h"
#include "store/pool_store.h"
#include "store/run.h"
#include "store/sandbox_audit.h"
#include "store/secret.h"
#include "store/session.h"
#include "store/sqlite/sqlite_store.h"
#include "store/team_spec.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace isa::store::contract {

class Engine {
 public:
  virtual ~Engine() = default;
  virtual AgentConfigStore& agent_configs() = 0;
  virtual TemplateStore& templates() = 0;
  virtual TeamSpecStore& teams() = 0;
  virtual SessionStore& sessions() = 0;
  virtual RunStore& runs() = 0;
  virtual PoolStore& pool() = 0;
  virtual IdempotencyStore& idempotency() = 0;
  virtual SecretStore& secrets() = 0;
  virtual SandboxAuditStore& sandbox_audit() = 0;
};

class SqliteEngine final : public Engine {
 public:
  AgentConfigStore& agent_configs() override { return store_->agent_configs(); }
  TemplateStore& templates() override { return store_->templates(); }
  TeamSpecStore& teams() override { return store_->teams(); }
  SessionStore& sessions() override { return store_->sessions(); }
  RunStore& runs() override { return store_->runs(); }
  PoolStore& pool() override { return store_->pool(); }
  IdempotencyStore& idempotency() override { return store_->idempotency(); }
  SecretStore& secrets() override { return store_->secrets(); }
  SandboxAuditStore& sandbox_audit() override { return store_->sandbox_audit(); }

 private:
  testing::TempFolder folder_;
  std::unique_ptr<sqlite::SqliteStore> store_ = sqlite::SqliteStore::open(folder_ / "isa.db").value();
};

struct EngineKind {
  std::string name;
  std::function<std::unique_ptr<Engine>()> open;
};

inline std::vector<EngineKind> engines() {
  return {{"sqlite", [] { return std::make_unique<SqliteEngine>(); }}};
}

inline std::string name_of_engine(const ::testing::TestParamInfo<EngineKind>& info) {
  return info.param.name;
}

class StoreContract : public ::testing::TestWithParam<EngineKind> {
 protected:
  std::unique_ptr<Engine> engine_ = GetParam().open();
};

inline Identity person(std::string user) {
  return Identity{.user = UserId(std::move(user))};
}
inline Identity member(std::string user, std::string org, std::string role = "member") {
  return Identity{.user = UserId(std::move(user)), .orgs = {{OrgId(std::move(org)), std::move(role)}}};
}
inline Identity platform() {
  return Identity{.user = UserId("internal-service"), .is_internal = true};
}

// The kind of the error, or nothing: `EXPECT_EQ(failure(result), ErrorKind::conflict)`.
template <class T>
std::optional<ErrorKind> failure(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().kind());
}

}  // namespace isa::store::contract

namespace isa {
// So that a failed expectation prints the kind's name.
inline void PrintTo(ErrorKind kind, std::ostream* to) {
  *to << to_string(kind);
}
}  // namespace isa
