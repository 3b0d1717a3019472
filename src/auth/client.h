// What other roles ask of the auth service.
#pragma once

#include "base/async.h"
#include "base/identity.h"
#include "base/result.h"

namespace isa::auth {

class AuthClient {
 public:
  virtual ~AuthClient() = default;
  // unauthorized when the credential is unknown, expired or revoked.
  virtual Task<Result<Identity>> verify_token(std::string jwt) = 0;
  virtual Task<Result<Identity>> verify_api_key(std::string key, std::string peer) = 0;
};

}  // namespace isa::auth
