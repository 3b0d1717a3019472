#include "agent/routes.h"

#include "agent/skills/upload.h"

namespace isa::agent {
namespace {

template <class Object>
net::Handler on(Object& object, Task<Result<net::Response>> (Object::*method)(net::Request&)) {
  return [&object, method](net::Request& request) { return (object.*method)(request); };
}

template <class Object>
store::OnceHandler on(Object& object,
                      Task<Result<net::Response>> (Object::*method)(net::Request&, store::Once)) {
  return [&object, method](net::Request& request, store::Once once) {
    return (object.*method)(request, std::move(once));
  };
}

const net::RouteOptions kPublic{.is_public = true};
// Prompts of 100 000 characters may take 12 bytes each, escaped.
const net::RouteOptions kConfigBody{.body_max = 2 << 20};
const net::RouteOptions kEventBody{.body_max = 64 << 10};
// Whoever has the webhook's secret may call it; the handler looks at the signature.
const net::RouteOptions kWebhook{.body_max = 256 << 10, .is_public = true};
const net::RouteOptions kSkillBody{.body_max = kSkillUploadMax};
// Bounded by the agent's own limits (at most 24 h) and by the wait for a sandbox. When the reader leaves,
// only the handler is cancelled: the run is the engine's.
const net::RouteOptions kChat{
    .body_max = 2 << 20, .timeout = std::chrono::hours(25), .cancel_on_disconnect = true};

}  // namespace

std::vector<net::Route> routes(Handlers& h, store::IdempotencyKeys& keys) {
  using enum net::Method;
  // What makes or starts something does so once for each Idempotency-Key; the second handler finds it again.
  const auto once = [&](auto& of, auto make, auto made) { return keys.once(on(of, make), on(of, made)); };
  const auto shown_again = store::KeptOf::errors;
  return {
      {get, "/api/v1/agents/configs", on(h.configs, &ConfigRoutes::list)},
      {post, "/api/v1/agents/configs", once(h.configs, &ConfigRoutes::create, &ConfigRoutes::made),
       kConfigBody},
      {get, "/api/v1/agents/configs/{id}", on(h.configs, &ConfigRoutes::get)},
      {patch, "/api/v1/agents/configs/{id}", on(h.configs, &ConfigRoutes::patch), kConfigBody},
      {del, "/api/v1/agents/configs/{id}", on(h.configs, &ConfigRoutes::remove)},
      {get, "/api/v1/agents/configs/{id}/versions", on(h.configs, &ConfigRoutes::versions)},
      {get, "/api/v1/agents/configs/{id}/versions/{n}", on(h.configs, &ConfigRoutes::version)},
      {post, "/api/v1/agents/configs/{id}/rollback",
       once(h.configs, &ConfigRoutes::rollback, &ConfigRoutes::rolled_back_already)},
      {get, "/api/v1/agents/configs/{id}/audit", on(h.configs, &ConfigRoutes::audit)},
      {get, "/api/v1/agents/configs/{id}/memories", on(h.memories, &MemoryRoutes::search)},
      {del, "/api/v1/agents/configs/{id}/memories", on(h.memories, &MemoryRoutes::forget)},

      {get, "/api/v1/agents/templates", on(h.templates, &TemplateRoutes::list), kPublic},
      {get, "/api/v1/agents/templates/{id}", on(h.templates, &TemplateRoutes::get), kPublic},
      {post, "/api/v1/agents/templates", once(h.templates, &TemplateRoutes::create, &TemplateRoutes::made),
       kConfigBody},
      {put, "/api/v1/agents/templates/{id}", on(h.templates, &TemplateRoutes::replace), kConfigBody},
      {del, "/api/v1/agents/templates/{id}", on(h.templates, &TemplateRoutes::remove)},

      {get, "/api/v1/agents/skills", on(h.skills, &SkillRoutes::list), kPublic},
      {get, "/api/v1/agents/skills/{name}", on(h.skills, &SkillRoutes::get), kPublic},
      {post, "/api/v1/agents/skills", once(h.skills, &SkillRoutes::create, &SkillRoutes::made), kSkillBody},
      {put, "/api/v1/agents/skills/{name}", on(h.skills, &SkillRoutes::replace), kSkillBody},
      {del, "/api/v1/agents/skills/{name}", on(h.skills, &SkillRoutes::remove)},

      {post, "/api/v1/agents/chat", once(h.chat, &ChatRoutes::chat, &ChatRoutes::chat_made), kChat},
      {post, "/query", once(h.chat, &ChatRoutes::query, &ChatRoutes::query_made), kChat},

      {get, "/api/v1/agents/multi-specs", on(h.teams, &TeamRoutes::list)},
      {post, "/api/v1/agents/multi-specs", once(h.teams, &TeamRoutes::create, &TeamRoutes::made),
       kConfigBody},
      {get, "/api/v1/agents/multi-specs/{id}", on(h.teams, &TeamRoutes::get)},
      {patch, "/api/v1/agents/multi-specs/{id}", on(h.teams, &TeamRoutes::patch), kConfigBody},
      {del, "/api/v1/agents/multi-specs/{id}", on(h.teams, &TeamRoutes::remove)},
      {get, "/api/v1/agents/multi-specs/{id}/versions", on(h.teams, &TeamRoutes::versions)},
      {get, "/api/v1/agents/multi-specs/{id}/versions/{n}", on(h.teams, &TeamRoutes::version)},
      {post, "/api/v1/agents/multi-specs/{id}/rollback",
       once(h.teams, &TeamRoutes::rollback, &TeamRoutes::rolled_back_already)},
      {post, "/api/v1/agents/swarm", once(h.swarms, &SwarmRoutes::swarm, &SwarmRoutes::made), kChat},
      {post, "/api/v1/agents/swarm/dag", once(h.swarms, &SwarmRoutes::dag, &SwarmRoutes::made), kChat},
      {post, "/api/v1/agents/swarm/stream", once(h.swarms, &SwarmRoutes::stream, &SwarmRoutes::stream_made),
       kChat},

      {get, "/api/v1/agents/sessions", on(h.sessions, &SessionRoutes::list)},
      {post, "/api/v1/agents/sessions", once(h.sessions, &SessionRoutes::create, &SessionRoutes::made)},
      {get, "/api/v1/agents/sessions/{id}", on(h.sessions, &SessionRoutes::get)},
      {del, "/api/v1/agents/sessions/{id}", on(h.sessions, &SessionRoutes::remove)},
      {get, "/api/v1/agents/sessions/{id}/messages", on(h.sessions, &SessionRoutes::messages)},
      {get, "/api/v1/agents/sessions/{id}/runs", on(h.sessions, &SessionRoutes::runs)},
      {post, "/api/v1/agents/sessions/{id}/fork",
       once(h.sessions, &SessionRoutes::fork, &SessionRoutes::forked_already)},
      {get, "/api/v1/agents/sessions/{id}/export", on(h.sessions, &SessionRoutes::export_all)},

      {get, "/api/v1/agents/runs/{id}", on(h.runs, &RunRoutes::get)},
      {get, "/api/v1/agents/runs/{id}/events", on(h.runs, &RunRoutes::events)},
      {post, "/api/v1/agents/runs/{id}/cancel", on(h.runs, &RunRoutes::cancel)},
      {get, "/api/v1/agents/sessions/{id}/queue", on(h.queues, &QueueRoutes::list)},
      {patch, "/api/v1/agents/runs/{id}", on(h.queues, &QueueRoutes::edit), kConfigBody},
      {post, "/api/v1/agents/runs/{id}/steer", on(h.queues, &QueueRoutes::steer), kConfigBody},

      {get, "/api/v1/agents/runs/{id}/approvals", on(h.approvals, &ApprovalRoutes::of_run)},
      {post, "/api/v1/agents/runs/{id}/approvals/{request_id}", on(h.approvals, &ApprovalRoutes::decide)},
      {get, "/api/v1/agents/approvals", on(h.approvals, &ApprovalRoutes::list)},
      {get, "/api/v1/agents/approvals/allowances", on(h.approvals, &ApprovalRoutes::allowances)},
      {del, "/api/v1/agents/approvals/allowances/{allowance_id}", on(h.approvals, &ApprovalRoutes::disallow)},

      {get, "/api/v1/agents/triggers", on(h.triggers, &TriggerRoutes::list)},
      // The answer has a secret, which is kept sealed and nowhere else.
      {post, "/api/v1/agents/triggers",
       keys.once(on(h.triggers, &TriggerRoutes::create), on(h.triggers, &TriggerRoutes::made), shown_again)},
      {get, "/api/v1/agents/triggers/{id}", on(h.triggers, &TriggerRoutes::get)},
      {patch, "/api/v1/agents/triggers/{id}", on(h.triggers, &TriggerRoutes::patch)},
      {del, "/api/v1/agents/triggers/{id}", on(h.triggers, &TriggerRoutes::remove)},
      {post, "/api/v1/agents/triggers/{id}/fire",
       once(h.triggers, &TriggerRoutes::fire, &TriggerRoutes::fired_already)},
      {get, "/api/v1/agents/triggers/{id}/firings", on(h.triggers, &TriggerRoutes::firings)},
      {post, "/api/v1/agents/events", keys.once(on(h.triggers, &TriggerRoutes::event)), kEventBody},
      {post, "/api/v1/agents/hooks/{id}", on(h.triggers, &TriggerRoutes::hook), kWebhook},
  };
}

}  // namespace isa::agent
