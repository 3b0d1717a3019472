#pragma once

#include "base/settings.h"

#include <string>
#include <tuple>

namespace isa::auth {

struct Settings {
  bool trust_user_header = true;
  std::string internal_secret;

  static constexpr auto settings() {
    using S = Settings;
    return std::tuple(
        config::setting(
            "auth.trust_user_header", &S::trust_user_header,
            "believe X-User-Id from this machine without proof; only while every listener is on loopback"),
        config::secret("auth.internal_secret", &S::internal_secret,
                       "by which the roles know each other, the same for all; needed when they run apart"));
  }
};

}  // namespace isa::auth
