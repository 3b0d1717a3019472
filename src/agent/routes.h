#pragma once

#include "agent/chat_routes.h"
#include "agent/config_routes.h"
#include "agent/run_routes.h"
#include "agent/session_routes.h"
#include "agent/skills/skill_routes.h"
#include "agent/template_routes.h"
#include "net/router.h"

namespace isa::agent {

struct Handlers {
  ConfigRoutes configs;
  TemplateRoutes templates;
  SkillRoutes skills;
  SessionRoutes sessions;
  RunRoutes runs;
  ChatRoutes chat;
};

// The table of api.md, "Agent service". api/agent.openapi.yaml describes the same routes; a test compares
// them.
std::vector<net::Route> routes(Handlers& handlers, store::IdempotencyKeys& keys);

}  // namespace isa::agent
