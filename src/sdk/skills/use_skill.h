// The tool use_skill: the text of a skill, or of one of its files, when the model asks for it.
#pragma once

#include "sdk/tool.h"

namespace isa::sdk {

inline constexpr std::string_view kUseSkill = "use_skill";
inline constexpr std::size_t kSkillTextMax = 64 << 10;  // Of one answer; bytes.

struct SkillContent {
  std::string text;                // Of the file that was asked for.
  std::vector<std::string> files;  // Paths of the skill's other files; with SKILL.md alone.
  std::string folder;              // Where they are, below the workspace; empty: in no sandbox.
};

// Where a turn's skills are.
class SkillSource {
 public:
  virtual ~SkillSource() = default;
  // `name` and `file` have been checked: they are one folder's name and a path below it. not_found names the
  // skills that there are.
  virtual Task<Result<SkillContent>> read(std::string name, std::string file) = 0;
};

std::shared_ptr<Tool> make_use_skill(std::shared_ptr<SkillSource> source);

}  // namespace isa::sdk
