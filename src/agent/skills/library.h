// All skills that somebody may use: those of users and organizations in the store, and the built-in ones,
// which are folders under skills/ and belong to everybody.
#pragma once

#include "sdk/skills/skill_summary.h"
#include "store/skill.h"

#include <boost/asio/thread_pool.hpp>

#include <filesystem>

namespace isa::agent {

// What somebody uploads: the files of one skill, checked (sdk::check_skill), and with whom it is shared. What
// is absent stays as it is, or is private.
struct SkillUpload {
  store::Skill skill;  // What its SKILL.md and its files say; of nobody yet.
  std::vector<PackedFile> files;
  std::optional<store::Visibility> visibility;
  std::optional<OrgId> org_id;
};

// What SKILL.md and the files say. The rules are those of sdk::check_skill.
Result<store::Skill> skill_of(std::string_view folder, const std::vector<PackedFile>& files);

struct BuiltInSkill {
  store::Skill skill;  // Without id and owner.
  std::vector<PackedFile> files;
};

// Reads every folder of `folder`, by name. The error of a bad one names it, the line or the field.
Result<std::vector<BuiltInSkill>> load_skills(const std::filesystem::path& folder);

inline bool is_built_in(const store::Skill& skill) {
  return skill.id.empty();
}

// The skills of a turn, looked up by name.
struct TurnSkills {
  struct Missing {
    std::string name;
    std::string reason;
  };
  Identity scope;  // Whose: their files are read for nobody else.
  std::vector<store::Skill> skills;
  std::vector<Missing> missing;
};

// Where the names of an agent's skills are looked up. One that is shared with an organization works alike for
// everybody there: its skills are its owner's own, those of that organization, and the built-in ones, whoever
// chats. A private one has whatever its owner may use.
Identity skills_scope(const Identity& who, const store::AgentConfig& agent);

std::vector<sdk::SkillSummary> summaries_of(const std::vector<store::Skill>& skills);

// A name means the skill of whoever asks (of an agent: skills_scope()), else one that is shared with an
// organization of the caller, else a built-in one. Without a user (a caller of a public route) only the
// built-in ones are there.
class SkillLibrary {
 public:
  SkillLibrary(std::vector<BuiltInSkill> built_in, store::SkillStore& stored)
      : built_in_(std::move(built_in)), stored_(stored) {}

  Task<Result<store::Skill>> find(Identity who, std::string name) const;
  Task<Result<store::Skill>> find(Identity who, SkillId id) const;
  // By name; one that hides another of the same name comes before it.
  Task<Result<std::vector<store::Skill>>> list(Identity who) const;
  Task<Result<std::vector<PackedFile>>> files(Identity who, store::Skill skill) const;

  // validation_error that names the first one that does not exist; /skills/<n> is its param.
  Task<Result<void>> check_exist(Identity who, std::vector<std::string> names) const;
  // The same for the skills of an agent as `who` would leave it. Who is not its owner cannot give it, and so
  // everybody who uses it, a skill that he does not see himself; `trusted` are those that it has already.
  Task<Result<void>> check_agent(Identity who, store::AgentConfig agent,
                                 std::vector<std::string> trusted) const;
  // Of an agent, for a turn: what is missing, or beyond what one agent may have together
  // (sdk::kSkillBytesMax), is left out. Among the organizations of `who` `first` comes first.
  Task<Result<TurnSkills>> of_turn(Identity who, std::vector<std::string> names,
                                   std::optional<OrgId> first) const;

  Task<Result<store::Skill>> create(Identity author, SkillId id, SkillUpload upload);
  // `name` is that of the skill that is there. insufficient_permissions for a built-in one.
  Task<Result<store::Skill>> replace(Identity who, std::string name, SkillUpload upload,
                                     std::optional<std::int64_t> expected_version);
  Task<Result<void>> remove(Identity who, std::string name);

 private:
  const BuiltInSkill* built_in(std::string_view name) const;
  Task<Result<bool>> may_give(Identity who, store::Skill skill) const;
  Task<Result<store::Skill>> find_changeable(Identity who, std::string name) const;

  std::vector<BuiltInSkill> built_in_;
  store::SkillStore& stored_;
};

}  // namespace isa::agent
