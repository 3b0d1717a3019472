#include "agent/skills/library.h"

#include "agent/field_rules.h"
#include "sdk/skills/skill.h"

#include <algorithm>

namespace isa::agent {
namespace {

using store::Skill;

Error no_skill(std::string_view name) {
  return not_found("the skill '{}' does not exist; GET /api/v1/agents/skills lists those that do", name)
      .with_code("skill_not_found");
}

Error unknown(std::size_t position, std::string_view name, std::string_view more = {}) {
  const auto pointer = fmt::format("/skills/{}", position);
  return validation_error("{}: unknown skill '{}'; GET /api/v1/agents/skills lists those that exist{}",
                          pointer, name, more)
      .with_param(pointer);
}

std::int64_t bytes_of(const Skill& skill) {
  std::int64_t bytes = 0;
  for (const auto& file : skill.files) bytes += file.size;
  return bytes;
}

// The organization of the agent means most to it.
Identity with_org_first(Identity who, const std::optional<OrgId>& first) {
  if (!first) return who;
  const auto found = std::ranges::find(who.orgs, *first, &Membership::org);
  if (found != who.orgs.end()) std::rotate(who.orgs.begin(), found, found + 1);
  return who;
}

}  // namespace

Result<Skill> skill_of(std::string_view folder, const std::vector<PackedFile>& files) {
  ISA_TRY(auto doc, sdk::check_skill(folder, files));
  Skill skill;
  skill.name = std::move(doc.manifest.name);
  skill.description = std::move(doc.manifest.description);
  skill.license = std::move(doc.manifest.license);
  skill.compatibility = std::move(doc.manifest.compatibility);
  skill.metadata = std::move(doc.manifest.metadata);
  skill.allowed_tools = std::move(doc.manifest.allowed_tools);
  skill.hash = content_hash(files);
  for (const auto& file : files)
    skill.files.push_back({file.path, static_cast<std::int64_t>(file.content.size()), file.is_executable});
  std::ranges::sort(skill.files, {}, &store::SkillFileInfo::path);
  return skill;
}

Identity skills_scope(const Identity& who, const store::AgentConfig& agent) {
  const bool is_shared = agent.visibility == store::Visibility::org && agent.org_id;
  if (!is_shared && who.user == agent.owner_id) return who;
  Identity owner{.user = agent.owner_id};
  if (is_shared) owner.orgs.push_back({*agent.org_id, "member"});
  return owner;
}

std::vector<sdk::SkillSummary> summaries_of(const std::vector<Skill>& skills) {
  std::vector<sdk::SkillSummary> summaries;
  for (const auto& skill : skills) summaries.push_back({skill.name, skill.description});
  return summaries;
}

Task<Result<Skill>> SkillLibrary::find(Identity who, std::string name) const {
  if (!who.user.empty()) {
    auto stored = co_await stored_.find_named(std::move(who), name);
    if (stored || stored.error().kind() != ErrorKind::not_found) co_return stored;
  }
  if (const auto* found = built_in(name)) co_return found->skill;
  co_return no_skill(name);
}

Task<Result<Skill>> SkillLibrary::find(Identity who, SkillId id) const {
  return stored_.find(std::move(who), std::move(id));
}

Task<Result<std::vector<Skill>>> SkillLibrary::list(Identity who) const {
  std::vector<Skill> stored;
  if (!who.user.empty()) {
    ISA_CO_TRY(stored, co_await stored_.list(std::move(who)));
  }
  std::vector<Skill> built_in;
  for (const auto& one : built_in_) built_in.push_back(one.skill);
  std::vector<Skill> all;
  std::ranges::merge(stored, built_in, std::back_inserter(all), {}, &Skill::name, &Skill::name);
  co_return all;
}

Task<Result<std::vector<PackedFile>>> SkillLibrary::files(Identity who, Skill skill) const {
  if (!is_built_in(skill)) co_return co_await stored_.files(std::move(who), skill.id);
  if (const auto* found = built_in(skill.name)) co_return found->files;
  co_return no_skill(skill.name);
}

Task<Result<void>> SkillLibrary::check_exist(Identity who, std::vector<std::string> names) const {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = co_await find(who, names[i]);
    if (found) continue;
    if (found.error().kind() != ErrorKind::not_found) co_return Failure(found.error());
    co_return unknown(i, names[i]);
  }
  co_return ok();
}

Task<Result<void>> SkillLibrary::check_agent(Identity who, store::AgentConfig agent,
                                             std::vector<std::string> trusted) const {
  const bool is_shared = agent.visibility == store::Visibility::org;
  const std::string_view more =
      is_shared ? "; a shared agent has its owner's own, those of its organization and the built-in ones"
                : "";
  const auto scope = skills_scope(who, agent);
  for (std::size_t i = 0; i < agent.skills.size(); ++i) {
    const auto& name = agent.skills[i];
    auto found = co_await find(scope, name);
    if (!found && found.error().kind() != ErrorKind::not_found) co_return Failure(found.error());
    if (!found) co_return unknown(i, name, more);
    if (who.user == agent.owner_id || std::ranges::find(trusted, name) != trusted.end()) continue;
    ISA_CO_TRY(const bool is_allowed, co_await may_give(who, *std::move(found)));
    if (!is_allowed) co_return unknown(i, name, more);
  }
  co_return ok();
}

Task<Result<bool>> SkillLibrary::may_give(Identity who, Skill skill) const {
  if (is_built_in(skill)) co_return true;
  const auto seen = co_await stored_.find(std::move(who), skill.id);
  if (!seen && seen.error().kind() != ErrorKind::not_found) co_return Failure(seen.error());
  co_return seen.has_value();
}

Task<Result<TurnSkills>> SkillLibrary::of_turn(Identity who, std::vector<std::string> names,
                                               std::optional<OrgId> first) const {
  TurnSkills turn;
  turn.scope = with_org_first(std::move(who), first);
  std::int64_t bytes = 0;
  for (const auto& name : names) {
    if (std::ranges::find(turn.skills, name, &Skill::name) != turn.skills.end()) continue;
    auto found = co_await find(turn.scope, name);
    if (!found && found.error().kind() != ErrorKind::not_found) co_return std::move(found).error();
    if (!found) {
      turn.missing.push_back({name, "it does not exist any more, or is not shared with you"});
    } else if (std::cmp_greater(bytes + bytes_of(*found), sdk::kSkillBytesMax)) {
      turn.missing.push_back({name, fmt::format("the skills of one agent may have at most {} MB together",
                                                sdk::kSkillBytesMax >> 20)});
    } else {
      bytes += bytes_of(*found);
      turn.skills.push_back(*std::move(found));
    }
  }
  co_return turn;
}

Task<Result<Skill>> SkillLibrary::create(Identity author, SkillId id, SkillUpload upload) {
  auto& skill = upload.skill;
  skill.id = std::move(id);
  skill.owner_id = author.user;
  skill.visibility = upload.visibility.value_or(skill.visibility);
  ISA_CO_TRY(skill.org_id, owning_org(skill.visibility, upload.org_id, author));
  skill.created_at = skill.updated_at = now();
  ISA_CO_TRYV(co_await stored_.create(skill, std::move(upload.files)));
  co_return std::move(skill);
}

Task<Result<Skill>> SkillLibrary::replace(Identity who, std::string name, SkillUpload upload,
                                          std::optional<std::int64_t> expected_version) {
  ISA_CO_TRY(const auto current, co_await find_changeable(who, name));
  if (expected_version && *expected_version != current.version)
    co_return conflict("the skill '{}' has version {} by now, not {}; read it again and repeat the change",
                       name, current.version, *expected_version);
  auto& next = upload.skill;
  if (next.name != name)
    co_return validation_error("SKILL.md: /name: a skill's name cannot be changed from '{}' to '{}'", name,
                               next.name);
  next.id = current.id;
  next.version = current.version + 1;
  next.updated_at = now();
  next.visibility = upload.visibility.value_or(current.visibility);
  next.org_id = current.org_id;
  if (upload.visibility || upload.org_id) {
    const auto org = upload.org_id ? upload.org_id : current.org_id;
    ISA_CO_TRY(next.org_id, owning_org(next.visibility, org, who));
  }
  co_return co_await stored_.update(std::move(who), std::move(next), std::move(upload.files));
}

Task<Result<void>> SkillLibrary::remove(Identity who, std::string name) {
  ISA_CO_TRY(const auto current, co_await find_changeable(who, std::move(name)));
  co_return co_await stored_.remove(std::move(who), current.id);
}

Task<Result<Skill>> SkillLibrary::find_changeable(Identity who, std::string name) const {
  ISA_CO_TRY(auto found, co_await find(std::move(who), name));
  if (is_built_in(found))
    co_return insufficient_permissions(
        "the skill '{}' is built in and cannot be changed; one of your own with that name takes its place",
        name);
  co_return found;
}

const BuiltInSkill* SkillLibrary::built_in(std::string_view name) const {
  const auto found = std::ranges::find_if(built_in_, [&](const auto& one) { return one.skill.name == name; });
  return found == built_in_.end() ? nullptr : &*found;
}

}  // namespace isa::agent
