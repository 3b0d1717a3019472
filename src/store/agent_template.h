// What agents are made from. Built-in templates are files (src/agent/templates.h); the store holds what users
// add.
#pragma once

#include "store/agent_config.h"

namespace isa::store {

struct AgentTemplate {
  TemplateId id;
  std::optional<UserId> owner_id;  // None: built-in.
  std::optional<OrgId> org_id;
  Visibility visibility = Visibility::private_;
  std::string name;
  std::string description;
  std::string category;
  std::string model_id;  // Empty: the server's default.
  std::string system_prompt;
  std::vector<std::string> tools;
  std::vector<std::string> skills;
  Mode mode = Mode::COLLABORATIVE;
  ExecutionEnv env = ExecutionEnv::cloud_pool;
  json::object metadata;
  std::optional<json::object> multi_agent;  // A team: what is created from the template gets one of its own.
  std::int64_t version = 1;
  Timestamp created_at;
  Timestamp updated_at;
};
BOOST_DESCRIBE_STRUCT(AgentTemplate, (),
                      (id, owner_id, org_id, visibility, name, description, category, model_id, system_prompt,
                       tools, skills, mode, env, metadata, multi_agent, version, created_at, updated_at))

// The same rules of scope, atomicity and errors as AgentConfigStore.
class TemplateStore {
 public:
  virtual ~TemplateStore() = default;
  virtual Task<Result<void>> create(AgentTemplate item) = 0;  // conflict when the id is taken.
  virtual Task<Result<AgentTemplate>> find(Identity scope, TemplateId id) = 0;
  virtual Task<Result<AgentTemplate>> update(Identity scope, AgentTemplate next) = 0;
  virtual Task<Result<void>> remove(Identity scope, TemplateId id) = 0;
  virtual Task<Result<std::vector<AgentTemplate>>> list(Identity scope) = 0;
};

}  // namespace isa::store
