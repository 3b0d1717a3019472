#pragma once

#include "sdk/runtime_protocol.h"

namespace isa::runtime {

// Puts the skills of a chat into the workspace, tells the agent of them and of the workspace's own, and lets
// it use them. Nothing happens for an agent that has no skills and does not list use_skill. conflict with
// code skills_missing when the platform must send files first.
Task<Result<void>> bring_skills(std::string workspace, std::vector<sdk::RuntimeSkill> skills,
                                sdk::AgentSpec& agent, sdk::ToolBox& tools);

}  // namespace isa::runtime
