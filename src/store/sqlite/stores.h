// The aggregates of the SQLite engine. The Engine outlives them.
#pragma once

#include "store/agent_config.h"
#include "store/agent_template.h"
#include "store/approval.h"
#include "store/idempotency_store.h"
#include "store/pool_store.h"
#include "store/run.h"
#include "store/sandbox_audit.h"
#include "store/secret.h"
#include "store/session.h"
#include "store/skill.h"
#include "store/team_spec.h"
#include "store/trigger.h"

#include <memory>

namespace isa::store::sqlite {

class Engine;

std::unique_ptr<AgentConfigStore> make_agent_config_store(Engine& engine);
std::unique_ptr<TemplateStore> make_template_store(Engine& engine);
std::unique_ptr<TeamSpecStore> make_team_spec_store(Engine& engine);
std::unique_ptr<SessionStore> make_session_store(Engine& engine);
std::unique_ptr<RunStore> make_run_store(Engine& engine);
std::unique_ptr<ApprovalStore> make_approval_store(Engine& engine);
std::unique_ptr<PoolStore> make_pool_store(Engine& engine);
std::unique_ptr<IdempotencyStore> make_idempotency_store(Engine& engine);
std::unique_ptr<SecretStore> make_secret_store(Engine& engine);
std::unique_ptr<SandboxAuditStore> make_sandbox_audit(Engine& engine);
std::unique_ptr<TriggerStore> make_trigger_store(Engine& engine);
std::unique_ptr<SkillStore> make_skill_store(Engine& engine);

}  // namespace isa::store::sqlite
