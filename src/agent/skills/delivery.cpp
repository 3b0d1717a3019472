#include "agent/skills/delivery.h"

#include "base/base64.h"
#include "sdk/skills/skill.h"

#include <algorithm>

namespace isa::agent {
namespace {

constexpr std::int64_t kSmall = 256 << 10;  // Bytes.

std::vector<sdk::RuntimeSkillFile> encoded(const std::vector<PackedFile>& files) {
  std::vector<sdk::RuntimeSkillFile> all;
  for (const auto& file : files) all.push_back({file.path, to_base64(file.content), file.is_executable});
  return all;
}

class LibrarySkills final : public sdk::SkillSource {
 public:
  LibrarySkills(const SkillLibrary& library, TurnSkills turn) : library_(library), turn_(std::move(turn)) {}

  Task<Result<sdk::SkillContent>> read(std::string name, std::string file) override {
    const auto skill = std::ranges::find(turn_.skills, name, &store::Skill::name);
    if (skill == turn_.skills.end())
      co_return not_found("there is no skill '{}'; yours are: {}", name, names());
    ISA_CO_TRY(auto files, co_await library_.files(turn_.scope, *skill));
    const auto found = std::ranges::find(files, file, &PackedFile::path);
    if (found == files.end()) co_return not_found("the skill '{}' has no file '{}'", name, file);
    sdk::SkillContent content{.text = std::move(found->content), .files = {}, .folder = {}};
    if (file == sdk::kSkillDocument)
      for (auto& other : files)
        if (other.path != file) content.files.push_back(std::move(other.path));
    co_return content;
  }

 private:
  std::string names() const {
    std::string list;
    for (const auto& skill : turn_.skills) list += (list.empty() ? "" : ", ") + skill.name;
    return list.empty() ? "none" : list;
  }

  const SkillLibrary& library_;
  TurnSkills turn_;
};

}  // namespace

sdk::Event skills_unavailable(const std::vector<TurnSkills::Missing>& missing) {
  sdk::Event event{sdk::EventType::system, "", {}};
  json::array names;
  std::string text = "Skills that this agent lists and that cannot be used:";
  for (const auto& one : missing) {
    names.emplace_back(one.name);
    text += fmt::format(" {} ({}).", one.name, one.reason);
  }
  event.content = std::move(text);
  event.metadata["event"] = "skills.unavailable";
  event.metadata["skills"] = std::move(names);
  return event;
}

bool are_small(const std::vector<store::Skill>& skills) {
  std::int64_t bytes = 0;
  for (const auto& skill : skills)
    for (const auto& file : skill.files) bytes += file.size;
  return bytes <= kSmall;
}

Task<Result<std::vector<sdk::RuntimeSkill>>> packed_skills(const SkillLibrary& library, TurnSkills turn,
                                                           bool with_files) {
  std::vector<sdk::RuntimeSkill> packed;
  for (const auto& skill : turn.skills) {
    sdk::RuntimeSkill one{.name = skill.name, .hash = skill.hash};
    if (with_files) {
      auto files = co_await library.files(turn.scope, skill);
      if (!files && files.error().kind() == ErrorKind::not_found) continue;
      if (!files) co_return std::move(files).error();
      one.hash = content_hash(*files);
      one.files = encoded(*files);
    }
    packed.push_back(std::move(one));
  }
  co_return packed;
}

std::shared_ptr<sdk::SkillSource> skills_of_turn(const SkillLibrary& library, TurnSkills turn) {
  return std::make_shared<LibrarySkills>(library, std::move(turn));
}

}  // namespace isa::agent
