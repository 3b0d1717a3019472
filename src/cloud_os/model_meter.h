// Counts what a model's answer weighs while it passes.
#pragma once

#include "net/http.h"
#include "store/sandbox_audit.h"

#include <functional>

namespace isa::cloud_os {

struct ModelUse {
  store::SandboxAuditEntry entry;
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
};

// `response` as it was, but that `report` is called when its last byte has passed, or it was left. Tokens are
// what the answer itself says of its usage, in either provider's words.
net::Response metered(net::Response response, ModelUse use, std::function<void(ModelUse)> report);

// Reads the fields of a usage that `text` holds as a whole.
void read_tokens(std::string_view text, ModelUse& to);

}  // namespace isa::cloud_os
