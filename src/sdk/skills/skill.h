// Skills by the open SKILL.md standard (https://agentskills.io/specification): a folder that bears the
// skill's name, with a SKILL.md (YAML front matter between two lines `---`, then Markdown) and whatever that
// refers to, usually in scripts/, references/ and assets/.
#pragma once

#include "base/json.h"
#include "base/packed_file.h"

namespace isa::sdk {

inline constexpr std::string_view kSkillDocument = "SKILL.md";
inline constexpr std::string_view kSkillDocumentLower = "skill.md";  // Taken where there is no SKILL.md.
// Of the standard; in characters.
inline constexpr std::size_t kSkillNameMax = 64;
inline constexpr std::size_t kSkillDescriptionMax = 1024;
inline constexpr std::size_t kSkillCompatibilityMax = 500;
// Our own; in bytes. Skills travel into sandboxes in one message, beside the history.
inline constexpr std::size_t kSkillFrontMatterMax = 16 << 10;
inline constexpr std::size_t kSkillDocumentMax = 256 << 10;
inline constexpr std::size_t kSkillBytesMax = 8 << 20;
inline constexpr std::size_t kSkillFilesMax = 200;

struct SkillManifest {
  std::string name;
  std::string description;  // What it does, and when to use it.
  std::optional<std::string> license;
  std::optional<std::string> compatibility;  // What it needs: programs, network.
  std::map<std::string, std::string> metadata;
  // Names separated by blanks. For readers: it gives no tool to anybody.
  std::optional<std::string> allowed_tools;
};

struct SkillDoc {
  SkillManifest manifest;
  std::string body;  // The Markdown.
};

// 1 to 64 lower-case letters of any script (or letters of a script without cases), digits and single hyphens
// within: so a name is one folder, and leads out of none. Only in composed form, and no letter that NFKC
// would write otherwise: what looks alike is one name.
Result<void> check_skill_name(std::string_view name);

// Reads a SKILL.md. A validation_error names the line or the field, from "SKILL.md" on.
Result<SkillDoc> parse_skill(std::string_view text);

// The same with the rest of the folder: its name, the limits, the paths of its files.
Result<SkillDoc> check_skill(std::string_view folder, const std::vector<PackedFile>& files);

// A skill.md is its document where there is no SKILL.md, as for the standard's reference library.
void name_document(std::vector<PackedFile>& files);

// Files of scripts/ that begin with #! are programs, whatever the archive that they came in could say.
void mark_scripts(std::vector<PackedFile>& files);

}  // namespace isa::sdk
