#pragma once

#include "base/result.h"

#include <string>

namespace isa::agent {

// Keeps the secrets of webhooks out of the database's file: src/app/ gives the platform's own key.
class Sealer {
 public:
  virtual ~Sealer() = default;
  virtual std::string seal(const std::string& text) const = 0;
  // failed_dependency when it was sealed with another key, or changed since.
  virtual Result<std::string> open(const std::string& sealed) const = 0;
};

}  // namespace isa::agent
