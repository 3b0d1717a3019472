// Who asks. Every read and write of the platform is scoped to one of these.
#pragma once

#include "base/ids.h"

#include <algorithm>
#include <string>
#include <vector>

namespace isa {

struct Membership {
  OrgId org;
  std::string role;  // owner | admin | member | viewer
};

struct Identity {
  UserId user;
  std::vector<Membership> orgs;
  bool is_internal = false;  // Another role of the platform, by the internal secret.

  bool belongs_to(const OrgId& org) const {
    return std::ranges::any_of(orgs, [&](const Membership& m) { return m.org == org; });
  }
  bool administers(const OrgId& org) const {
    return std::ranges::any_of(
        orgs, [&](const Membership& m) { return m.org == org && (m.role == "owner" || m.role == "admin"); });
  }
};

}  // namespace isa
