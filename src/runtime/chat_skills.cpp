#include "runtime/chat_skills.h"

#include "base/base64.h"
#include "sdk/skills/skill_folders.h"

#include <algorithm>

namespace isa::runtime {
namespace {

Result<std::vector<PackedFile>> decoded(const std::vector<sdk::RuntimeSkillFile>& from) {
  std::vector<PackedFile> files;
  for (const auto& file : from) {
    ISA_TRY(auto content, from_base64(file.content));
    files.push_back({file.path, std::move(content), file.is_executable});
  }
  return files;
}

Error missing_skills(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "" : ", ") + name;
  return conflict("this sandbox does not have the files of these skills yet: {}", list)
      .with_code("skills_missing");
}

// Those of the workspace come first where names are the same.
void add_own(std::vector<sdk::SkillSummary>& all, std::vector<sdk::SkillSummary> own) {
  for (auto& skill : own) {
    std::erase_if(all, [&](const auto& other) { return other.name == skill.name; });
    skill.description += " (from the workspace)";
    all.push_back(std::move(skill));
  }
}

}  // namespace

Task<Result<std::shared_ptr<sdk::Tool>>> bring_skills(std::string workspace,
                                                      std::vector<sdk::RuntimeSkill> skills,
                                                      sdk::AgentSpec& agent) {
  const bool asks = std::ranges::find(agent.tools, sdk::kUseSkill) != agent.tools.end();
  if (skills.empty() && !asks) co_return nullptr;
  const auto folders = std::make_shared<sdk::SkillFolders>(std::move(workspace));
  std::vector<sdk::SkillVersion> versions;
  for (const auto& skill : skills) {
    sdk::SkillVersion version{skill.name, skill.hash};
    if (skill.files) {
      ISA_CO_TRY(auto files, decoded(*skill.files));
      ISA_CO_TRYV(co_await folders->install(version, std::move(files)));
    }
    versions.push_back(std::move(version));
  }
  ISA_CO_TRY(const auto missing, co_await folders->choose(std::move(versions)));
  if (!missing.empty()) co_return missing_skills(missing);
  ISA_CO_TRY(auto own, co_await folders->of_workspace());
  add_own(agent.skills, std::move(own));
  if (agent.skills.empty()) co_return nullptr;
  agent.system_prompt = sdk::with_skills(std::move(agent.system_prompt), agent.skills);
  co_return sdk::make_use_skill(folders);
}

}  // namespace isa::runtime
