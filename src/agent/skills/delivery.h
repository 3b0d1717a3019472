// The skills of a turn on their way to where it runs.
#pragma once

#include "agent/skills/library.h"
#include "sdk/event.h"
#include "sdk/runtime_protocol.h"
#include "sdk/skills/use_skill.h"

namespace isa::agent {

// system {event: skills.unavailable, skills: [name, ...]}
sdk::Event skills_unavailable(const std::vector<TurnSkills::Missing>& missing);

// Few enough bytes to send along with the first chat of a sandbox, which has none of them yet.
bool are_small(const std::vector<store::Skill>& skills);

// For the runtime in a sandbox; with their files where it lacks them. A skill that was deleted meanwhile is
// left out, one that was changed is sent as it is now.
Task<Result<std::vector<sdk::RuntimeSkill>>> packed_skills(const SkillLibrary& library, TurnSkills turn,
                                                           bool with_files);

// For a turn in this process: read from the library when they are used.
std::shared_ptr<sdk::SkillSource> skills_of_turn(const SkillLibrary& library, TurnSkills turn);

}  // namespace isa::agent
