// What an agent config may say (design: agents.md, "Agent config").
#pragma once

#include "store/agent_config.h"
#include "store/agent_template.h"

namespace isa::agent {

// A field that the body does not name keeps what was there: the default, the template's, the old version's.
// null clears an optional field.
struct AgentFields {
  Presence<std::string> name;
  Presence<std::string> description;
  Presence<store::Visibility> visibility;
  Presence<OrgId> org_id;
  Presence<std::string> model_id;
  Presence<std::string> system_prompt;
  Presence<std::vector<std::string>> tools;
  Presence<std::vector<std::string>> skills;
  Presence<json::object> mcp_servers;
  Presence<store::Mode> mode;
  Presence<store::ExecutionEnv> env;
  Presence<std::vector<store::ApprovalRule>> approvals;
  Presence<store::RunLimits> limits;
  Presence<std::vector<std::string>> egress;
  Presence<json::object> metadata;
};
BOOST_DESCRIBE_STRUCT(AgentFields, (),
                      (name, description, visibility, org_id, model_id, system_prompt, tools, skills,
                       mcp_servers, mode, env, approvals, limits, egress, metadata))

struct CreateAgent : AgentFields {
  Presence<store::AgentSource> source;
  Presence<TemplateId> template_id;
};
BOOST_DESCRIBE_STRUCT(CreateAgent, (AgentFields), (source, template_id))

// The template that a body asks for, if any: a template_id alone means source = template.
Result<std::optional<TemplateId>> wanted_template(const CreateAgent& body);

// A new config, version 1, with the id `id`. `from` when the body asked for a template.
Result<store::AgentConfig> create_config(AgentId id, const CreateAgent& body,
                                         const store::AgentTemplate* from, const Identity& owner,
                                         const std::string& default_model, Timestamp at);

// What a COLLABORATIVE agent asks about unless its maker says otherwise; in the config, where its owner sees
// it.
std::vector<store::ApprovalRule> risky_calls();

// The next version of `current`.
Result<store::AgentConfig> patch_config(store::AgentConfig current, const AgentFields& body,
                                        const Identity& who, const std::string& default_model, Timestamp at);

// The next version of `current` with everything that `old` said. An org that it was shared with then and is
// not now must be one of `who`.
Result<store::AgentConfig> rolled_back(const store::AgentConfig& current, store::AgentConfig old,
                                       const Identity& who, Timestamp at);

}  // namespace isa::agent
