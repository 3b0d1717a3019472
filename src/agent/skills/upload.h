// A skill as it comes in: a zip whose top folder bears the skill's name, or its text files as JSON.
#pragma once

#include "agent/skills/library.h"
#include "net/http.h"

namespace isa::agent {

inline constexpr std::size_t kSkillUploadMax = 5 << 20;  // Bytes of the body.

struct UnpackedSkill {
  std::string name;               // Of its folder.
  std::vector<PackedFile> files;  // Named from that folder on.
};

// A zip that holds one folder. What is in the folder is not looked at.
Result<UnpackedSkill> unpack_skill(std::string_view zip);

// application/zip with ?visibility= and ?org_id=, or application/json:
// {"files": {"SKILL.md": text, ...}, "visibility": ..., "org_id": ...}. Errors name the entry, the file and
// its line or field. Unpacks and checks: takes some ten milliseconds, so it belongs on a worker thread.
Result<SkillUpload> read_upload(const net::Request& request);

}  // namespace isa::agent
