#include "agent/templates.h"

#include "agent/field_rules.h"
#include "agent/teams/team_rules.h"
#include "base/yaml/yaml.h"

#include <algorithm>

namespace isa::agent {
namespace {

using store::AgentTemplate;

Error no_template(const TemplateId& id) {
  return not_found("template '{}' does not exist; GET /api/v1/agents/templates lists those that do",
                   id.value())
      .with_code("template_not_found");
}

// As it will be when something is created from the template: an error now is one less then.
Result<void> check_team(const json::object& multi_agent, const AgentTemplate& item, const Identity& author) {
  ISA_TRY(const auto fields, team_in_template(multi_agent, item.name));
  auto team = create_team(TeamId("multi_of_template"), fields, author, item.created_at);
  if (team) return ok();
  const auto& error = team.error();
  return validation_error("/multi_agent: {}", error.message()).with_param("/multi_agent" + error.param());
}

Result<AgentTemplate> load_template(const std::filesystem::path& file) {
  const auto name = file.filename().string();
  const auto in_file = [&](const Error& error) {
    return validation_error("the template file {} is not valid: {}", name, error.message());
  };
  const auto document = read_yaml(file);
  if (!document) return in_file(document.error());
  const auto fields = json::read<TemplateFields>(*document);
  if (!fields) return in_file(fields.error());
  if (!fields->id.has_value()) return in_file(validation_error("/id: this field is required"));
  auto item = template_of(*fields, Identity{}, now());
  if (!item) return in_file(item.error());
  item->owner_id.reset();
  return item;
}

}  // namespace

Result<AgentTemplate> template_of(const TemplateFields& fields, const Identity& author, Timestamp at) {
  AgentTemplate item;
  if (!fields.name.has_value()) return validation_error("/name: this field is required").with_param("/name");
  item.id = fields.id.has_value() ? *fields.id : TemplateId("tmpl_" + make_ulid());
  item.owner_id = author.user;
  item.visibility = fields.visibility.value_or(item.visibility);
  item.name = *fields.name;
  item.description = fields.description.value_or({});
  item.category = fields.category.value_or({});
  item.model_id = fields.model_id.value_or({});
  item.system_prompt = fields.system_prompt.value_or({});
  item.tools = fields.tools.value_or({});
  item.skills = fields.skills.value_or({});
  item.mode = fields.mode.value_or(item.mode);
  item.env = fields.env.value_or(item.env);
  item.metadata = fields.metadata.value_or({});
  if (fields.multi_agent.has_value()) item.multi_agent = *fields.multi_agent;
  item.created_at = item.updated_at = at;
  const auto org = fields.org_id.has_value() ? std::optional(*fields.org_id) : std::nullopt;
  ISA_TRY(item.org_id, owning_org(item.visibility, org, author));
  ISA_TRYV(check_length("name", item.name, 1, kNameMax));
  ISA_TRYV(check_length("description", item.description, 0, kDescriptionMax));
  ISA_TRYV(check_length("category", item.category, 0, 60));
  ISA_TRYV(check_length("model_id", item.model_id, 0, 200));
  ISA_TRYV(check_length("system_prompt", item.system_prompt, 0, kPromptMax));
  ISA_TRYV(check_tools(item.tools));
  ISA_TRYV(check_skills(item.skills));
  if (item.multi_agent) ISA_TRYV(check_team(*item.multi_agent, item, author));
  return item;
}

Result<std::vector<AgentTemplate>> load_templates(const std::filesystem::path& folder) {
  std::error_code ec;
  std::vector<std::filesystem::path> files;
  for (auto entry = std::filesystem::directory_iterator(folder, ec);
       !ec && entry != std::filesystem::directory_iterator(); entry.increment(ec))
    if (entry->path().extension() == ".yaml") files.push_back(entry->path());
  if (ec)
    return validation_error("the folder of agent templates '{}' cannot be read ({}); set agent.templates_dir",
                            folder.string(), ec.message());
  std::ranges::sort(files);
  std::vector<AgentTemplate> templates;
  for (const auto& file : files) {
    ISA_TRY(auto item, load_template(file));
    if (std::ranges::any_of(templates, [&](const auto& other) { return other.id == item.id; }))
      return validation_error("the template file {} has the id '{}' of another file",
                              file.filename().string(), item.id.value());
    templates.push_back(std::move(item));
  }
  return templates;
}

Task<Result<AgentTemplate>> TemplateCatalog::find(Identity scope, TemplateId id) const {
  if (const auto* item = built_in(id)) co_return *item;
  if (scope.user.empty()) co_return no_template(id);
  auto found = co_await stored_.find(std::move(scope), id);
  if (!found && found.error().kind() == ErrorKind::not_found) co_return no_template(id);
  co_return found;
}

Task<Result<std::vector<AgentTemplate>>> TemplateCatalog::list(Identity scope) const {
  auto all = built_in_;
  if (scope.user.empty()) co_return all;
  ISA_CO_TRY(auto stored, co_await stored_.list(std::move(scope)));
  std::ranges::move(stored, std::back_inserter(all));
  co_return all;
}

Task<Result<AgentTemplate>> TemplateCatalog::create(Identity author, TemplateFields fields) {
  ISA_CO_TRY(auto item, template_of(fields, author, now()));
  if (built_in(item.id)) co_return conflict("the template id '{}' is taken; choose another", item.id.value());
  ISA_CO_TRYV(co_await skills_.check_exist(author, item.skills));
  ISA_CO_TRYV(co_await stored_.create(item));
  co_return item;
}

Task<Result<AgentTemplate>> TemplateCatalog::replace(Identity who, TemplateId id, TemplateFields fields,
                                                     std::optional<std::int64_t> expected_version) {
  ISA_CO_TRYV(check_changeable(id));
  if (fields.id.is_present() && (!fields.id.has_value() || *fields.id != id))
    co_return validation_error("/id: an id cannot be changed").with_param("/id");
  ISA_CO_TRY(const auto current, co_await find(who, id));
  if (expected_version && *expected_version != current.version)
    co_return conflict("template '{}' has version {} by now, not {}; read it again", id.value(),
                       current.version, *expected_version);
  ISA_CO_TRY(auto next, template_of(fields, who, now()));
  ISA_CO_TRYV(co_await skills_.check_exist(who, next.skills));
  next.id = id;
  next.owner_id = current.owner_id;
  next.created_at = current.created_at;
  next.version = current.version + 1;
  co_return co_await stored_.update(std::move(who), std::move(next));
}

Task<Result<void>> TemplateCatalog::remove(Identity who, TemplateId id) {
  ISA_CO_TRYV(check_changeable(id));
  auto removed = co_await stored_.remove(std::move(who), id);
  if (!removed && removed.error().kind() == ErrorKind::not_found) co_return no_template(id);
  co_return removed;
}

const AgentTemplate* TemplateCatalog::built_in(const TemplateId& id) const {
  const auto found = std::ranges::find_if(built_in_, [&](const auto& item) { return item.id == id; });
  return found == built_in_.end() ? nullptr : &*found;
}

Result<void> TemplateCatalog::check_changeable(const TemplateId& id) const {
  if (!built_in(id)) return ok();
  return insufficient_permissions("template '{}' is built in and cannot be changed; create one of your own",
                                  id.value());
}

}  // namespace isa::agent
