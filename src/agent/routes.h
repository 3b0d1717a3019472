#pragma once

#include "agent/approvals/approval_routes.h"
#include "agent/chat_routes.h"
#include "agent/config_routes.h"
#include "agent/memory/memory_routes.h"
#include "agent/queue_routes.h"
#include "agent/run_routes.h"
#include "agent/session_routes.h"
#include "agent/skills/skill_routes.h"
#include "agent/teams/swarm_routes.h"
#include "agent/teams/team_routes.h"
#include "agent/template_routes.h"
#include "agent/triggers/trigger_routes.h"
#include "net/router.h"

namespace isa::agent {

struct Handlers {
  ConfigRoutes configs;
  TemplateRoutes templates;
  SkillRoutes skills;
  SessionRoutes sessions;
  RunRoutes runs;
  ChatRoutes chat;
  ApprovalRoutes approvals;
  QueueRoutes queues;
  TeamRoutes teams;
  SwarmRoutes swarms;
  TriggerRoutes triggers;
  MemoryRoutes memories;
};

// The table of api.md, "Agent service". api/agent.openapi.yaml describes the same routes; a test compares
// them.
std::vector<net::Route> routes(Handlers& handlers, store::IdempotencyKeys& keys);

}  // namespace isa::agent
