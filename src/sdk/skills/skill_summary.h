// What an agent is told of its skills before it uses one: progressive disclosure.
#pragma once

#include "base/json.h"

namespace isa::sdk {

struct SkillSummary {
  std::string name;
  std::string description;
};
BOOST_DESCRIBE_STRUCT(SkillSummary, (), (name, description))

// The system prompt with a section that lists the skills, each in one line; as it was when there are none.
std::string with_skills(std::string system_prompt, const std::vector<SkillSummary>& skills);

}  // namespace isa::sdk
