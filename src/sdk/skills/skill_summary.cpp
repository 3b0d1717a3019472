#include "sdk/skills/skill_summary.h"

namespace isa::sdk {
namespace {

// A description cannot begin a section of its own.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool is_space = static_cast<unsigned char>(c) <= 0x20;
    if (!is_space)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  return line;
}

}  // namespace

std::string with_skills(std::string system_prompt, const std::vector<SkillSummary>& skills) {
  if (skills.empty()) return system_prompt;
  if (!system_prompt.empty()) system_prompt += "\n\n";
  system_prompt +=
      "# Skills\n\nA skill is a set of instructions for one kind of task. When a task fits a description "
      "below, "
      "call use_skill with the skill's name before you begin, and follow what it says. A skill gives you no "
      "tools besides those that you have.\n\n";
  for (const auto& skill : skills)
    system_prompt += fmt::format("- {}: {}\n", skill.name, one_line(skill.description));
  return system_prompt;
}

}  // namespace isa::sdk
