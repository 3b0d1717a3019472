// Who may see and who may change what is stored. The same for every engine.
#pragma once

#include "base/identity.h"
#include "store/agent_config.h"

#include <optional>
#include <string_view>

namespace isa::store {

// The user of a role that acts for the platform itself, not for a person (design: api.md, "Identity").
inline constexpr std::string_view kPlatformUser = "internal-service";

// The platform itself sees and changes everything. An internal caller that acts for a user is that user.
inline bool is_platform(const Identity& caller) {
  return caller.is_internal && caller.user.value() == kPlatformUser;
}

// To whom a row belongs.
struct Ownership {
  UserId owner;
  std::optional<OrgId> org;
  Visibility visibility = Visibility::private_;
};

inline bool may_see(const Identity& caller, const Ownership& row) {
  return is_platform(caller) || row.owner == caller.user ||
         (row.visibility == Visibility::org && row.org && caller.belongs_to(*row.org));
}

inline bool may_change(const Identity& caller, const Ownership& row) {
  return is_platform(caller) || row.owner == caller.user ||
         (row.visibility == Visibility::org && row.org && caller.administers(*row.org));
}

}  // namespace isa::store
