#pragma once

#include "agent/skills/library.h"
#include "store/agent_template.h"

#include <filesystem>
#include <vector>

namespace isa::agent {

// A template as its author writes it: a YAML file under templates/, or a body.
struct TemplateFields {
  Presence<TemplateId> id;
  Presence<std::string> name;
  Presence<std::string> description;
  Presence<std::string> category;
  Presence<std::string> model_id;
  Presence<std::string> system_prompt;
  Presence<std::vector<std::string>> tools;
  Presence<std::vector<std::string>> skills;
  Presence<store::Mode> mode;
  Presence<store::ExecutionEnv> env;
  Presence<json::object> metadata;
  Presence<json::object> multi_agent;  // A routing_spec, or what POST /multi-specs takes.
  Presence<store::Visibility> visibility;
  Presence<OrgId> org_id;
};
BOOST_DESCRIBE_STRUCT(TemplateFields, (),
                      (id, name, description, category, model_id, system_prompt, tools, skills, mode, env,
                       metadata, multi_agent, visibility, org_id))

// Every field that the author left out has its default; the rules are those of agent configs.
Result<store::AgentTemplate> template_of(const TemplateFields& fields, const Identity& author, Timestamp at);

// Reads every *.yaml of the folder, in order of name. The error of a bad file names it, the line or the
// field, and what is wrong.
Result<std::vector<store::AgentTemplate>> load_templates(const std::filesystem::path& folder);

// All templates that somebody may see: the built-in ones, which nobody can change, and those in the store.
class TemplateCatalog {
 public:
  TemplateCatalog(std::vector<store::AgentTemplate> built_in, store::TemplateStore& stored,
                  const SkillLibrary& skills)
      : built_in_(std::move(built_in)), stored_(stored), skills_(skills) {}

  // not_found with code template_not_found.
  Task<Result<store::AgentTemplate>> find(Identity scope, TemplateId id) const;
  Task<Result<std::vector<store::AgentTemplate>>> list(Identity scope) const;

  Task<Result<store::AgentTemplate>> create(Identity author, TemplateFields fields);
  // expected_version: conflict when the template has another.
  Task<Result<store::AgentTemplate>> replace(Identity who, TemplateId id, TemplateFields fields,
                                             std::optional<std::int64_t> expected_version);
  Task<Result<void>> remove(Identity who, TemplateId id);

 private:
  const store::AgentTemplate* built_in(const TemplateId& id) const;
  Result<void> check_changeable(const TemplateId& id) const;

  std::vector<store::AgentTemplate> built_in_;
  store::TemplateStore& stored_;
  const SkillLibrary& skills_;
};

}  // namespace isa::agent
