// The skills of a sandbox: those that lie in its workspace (.isa/skills/<name>), and those that the platform
// brought there (.isa/skills-cache/<name>-<hash>), with scripts that can be run.
#pragma once

#include "base/packed_file.h"
#include "sdk/skills/skill_summary.h"
#include "sdk/skills/use_skill.h"

#include <boost/asio/thread_pool.hpp>

#include <optional>

namespace isa::sdk {

// A skill of the platform's: the content that it has now.
struct SkillVersion {
  std::string name;
  std::string hash;  // content_hash() of its files.
};

// Lives on one event loop; its files are worked on by a thread that starts with the first use and ends with
// this. No symbolic link is followed: a skill is what lies in its folder. Everything here belongs to the same
// sandbox, which may change it as it likes.
class SkillFolders final : public SkillSource {
 public:
  explicit SkillFolders(std::string workspace) : workspace_(std::move(workspace)) {}

  // Writes the files of a skill, once. What was cut off half-way leaves nothing that looks like a skill.
  Task<Result<void>> install(SkillVersion skill, std::vector<PackedFile> files);
  // From now on the skills are these and those of the workspace, which come first where names are the same.
  // Returns those of `wanted` that are not installed; they cannot be read.
  Task<Result<std::vector<std::string>>> choose(std::vector<SkillVersion> wanted);
  // Of the workspace, by name; at most 64. What is no valid skill is passed over and logged.
  Task<Result<std::vector<SkillSummary>>> of_workspace();

  Task<Result<SkillContent>> read(std::string name, std::string file) override;

 private:
  asio::thread_pool& pool();

  std::string workspace_;
  std::map<std::string, std::string> folders_;  // Of what was chosen, by name.
  std::optional<asio::thread_pool> pool_;
};

}  // namespace isa::sdk
