// Secrets that the credential broker adds to requests outside of a sandbox. What is kept here is sealed: only
// cloud_os has the key.
#pragma once

#include "base/async.h"
#include "base/identity.h"
#include "base/json.h"
#include "base/result.h"

namespace isa::store {

struct SecretIdTag {
  static constexpr std::string_view prefix = "secret_";
};
using SecretId = Id<SecretIdTag>;

// header: added to the request. placeholder: the sandbox's environment holds a random text that stands for
// it.
enum class SecretKind { header, placeholder };
BOOST_DESCRIBE_ENUM(SecretKind, header, placeholder)

struct Secret {
  SecretId id;  // Stays the same when the value changes.
  std::string name;
  UserId owner_id;              // Who set it last.
  std::optional<OrgId> org_id;  // Set: every member's sandboxes use it. Else the owner's alone do.
  SecretKind kind = SecretKind::header;
  std::vector<std::string> hosts;     // net/host_pattern.h
  std::optional<std::string> header;  // Of kind header: "Authorization: Bearer {}".
  std::optional<std::string> env;     // Of kind placeholder: the variable that holds it.
  std::optional<std::vector<std::string>> methods;
  std::optional<std::string> path_prefix;
  Timestamp created_at;
  Timestamp updated_at;
  std::optional<Timestamp> used_at;
};
BOOST_DESCRIBE_STRUCT(Secret, (),
                      (id, name, owner_id, org_id, kind, hosts, header, env, methods, path_prefix, created_at,
                       updated_at, used_at))

struct SealedSecret {
  Secret secret;
  std::string sealed;
};

// A name is unique among the secrets of one user, and among those of one organization.
class SecretStore {
 public:
  virtual ~SecretStore() = default;
  // Adds it, or replaces the one of that name and holder; that one's id and times of creation and use stay.
  // Returns what is stored now.
  virtual Task<Result<Secret>> put(SealedSecret secret) = 0;
  // Those of the user, then those of the organization, each by name.
  virtual Task<Result<std::vector<SealedSecret>>> list(UserId user, std::optional<OrgId> org) = 0;
  // not_found when there is none of that name: of the organization when one is named, else of the user.
  virtual Task<Result<void>> remove(UserId user, std::optional<OrgId> org, std::string name) = 0;
  virtual Task<Result<void>> mark_used(std::vector<SecretId> ids, Timestamp at) = 0;
};

}  // namespace isa::store
