// Skills that users brought (sdk/skills/skill.h says what a skill is). Built-in ones are files.
#pragma once

#include "base/packed_file.h"
#include "store/agent_config.h"

namespace isa::store {

struct SkillFileInfo {
  std::string path;
  std::int64_t size = 0;  // Bytes.
  bool is_executable = false;
};
BOOST_DESCRIBE_STRUCT(SkillFileInfo, (), (path, size, is_executable))

struct Skill {
  SkillId id;
  UserId owner_id;
  std::optional<OrgId> org_id;
  Visibility visibility = Visibility::private_;
  std::string name;
  std::string description;
  std::optional<std::string> license;
  std::optional<std::string> compatibility;
  std::map<std::string, std::string> metadata;
  std::optional<std::string> allowed_tools;
  std::string hash;  // content_hash() of the files.
  std::vector<SkillFileInfo> files;
  std::int64_t version = 1;  // +1 on every change.
  Timestamp created_at;
  Timestamp updated_at;
};
BOOST_DESCRIBE_STRUCT(Skill, (),
                      (id, owner_id, org_id, visibility, name, description, license, compatibility, metadata,
                       allowed_tools, hash, files, version, created_at, updated_at))

// How many skills one user may own.
inline constexpr std::int64_t kSkillsPerOwnerMax = 200;

// The same rules of scope and atomicity as AgentConfigStore: what is neither own nor shared with one of the
// caller's organizations is not_found; what is shared is changed by its owner or an admin of the
// organization. A skill and its files are one: nobody sees one without the other.
//
// A name is there once among the skills of one owner, and once among those shared with one organization: so
// nobody can put a skill of his own in the place of one that others use.
class SkillStore {
 public:
  virtual ~SkillStore() = default;
  // conflict when the name is taken by the owner or in the organization; payload_too_large beyond
  // kSkillsPerOwnerMax.
  virtual Task<Result<void>> create(Skill skill, std::vector<PackedFile> files) = 0;
  // `next.version` is one more than the one that was read: conflict otherwise, and when the name is taken in
  // the organization that it is shared with now. Name, owner and created_at stay.
  virtual Task<Result<Skill>> update(Identity scope, Skill next, std::vector<PackedFile> files) = 0;
  virtual Task<Result<void>> remove(Identity scope, SkillId id) = 0;
  virtual Task<Result<Skill>> find(Identity scope, SkillId id) = 0;
  // The caller's own first, then those of `scope`'s organizations in the order of `scope`.
  virtual Task<Result<Skill>> find_named(Identity scope, std::string name) = 0;
  // By name, the caller's own first where names are the same. Never the files' contents.
  virtual Task<Result<std::vector<Skill>>> list(Identity scope) = 0;
  // By path. Scoped like find().
  virtual Task<Result<std::vector<PackedFile>>> files(Identity scope, SkillId id) = 0;
};

}  // namespace isa::store
