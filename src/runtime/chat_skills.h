#pragma once

#include "sdk/runtime_protocol.h"

namespace isa::runtime {

// Puts the skills of a chat into the workspace and tells the agent of them and of the workspace's own. The
// tool that lets it use them; null for an agent that has no skills and does not list use_skill. conflict with
// code skills_missing when the platform must send files first.
Task<Result<std::shared_ptr<sdk::Tool>>> bring_skills(std::string workspace,
                                                      std::vector<sdk::RuntimeSkill> skills,
                                                      sdk::AgentSpec& agent);

}  // namespace isa::runtime
