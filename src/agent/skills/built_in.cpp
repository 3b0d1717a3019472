#include "agent/skills/library.h"
#include "sdk/skills/skill.h"
#include "sdk/skills/skill_files.h"

#include <algorithm>

namespace isa::agent {
namespace {

namespace fs = std::filesystem;

Result<BuiltInSkill> load_skill(const fs::path& folder) {
  const auto name = folder.filename().string();
  const auto in_folder = [&](const Error& error) {
    return validation_error("the built-in skill {} is not valid: {}", name, error.message());
  };
  BuiltInSkill one;
  auto files = sdk::read_skill_folder(folder);
  if (!files) return in_folder(files.error());
  one.files = *std::move(files);
  auto skill = skill_of(name, one.files);
  if (!skill) return in_folder(skill.error());
  one.skill = *std::move(skill);
  one.skill.created_at = one.skill.updated_at = now();
  return one;
}

}  // namespace

Result<std::vector<BuiltInSkill>> load_skills(const fs::path& folder) {
  std::error_code ec;
  std::vector<fs::path> folders;
  for (auto entry = fs::directory_iterator(folder, ec); !ec && entry != fs::directory_iterator();
       entry.increment(ec))
    if (entry->is_directory(ec)) folders.push_back(entry->path());
  if (ec)
    return validation_error("the folder of built-in skills '{}' cannot be read ({}); set agent.skills_dir",
                            folder.string(), ec.message());
  std::ranges::sort(folders);
  std::vector<BuiltInSkill> skills;
  for (const auto& one : folders) {
    ISA_TRY(auto skill, load_skill(one));
    skills.push_back(std::move(skill));
  }
  return skills;
}

}  // namespace isa::agent
