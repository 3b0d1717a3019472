#include "pool/sandbox_config.h"

namespace isa::pool {

Result<SandboxConfig> config_of(const AcquireRequest& request) {
  if (!request.config) return SandboxConfig{};
  auto config = json::read<SandboxConfig>(*request.config);
  if (!config) {
    auto error = std::move(config).error();
    auto param = "/config" + error.param();
    return std::move(error).with_param(std::move(param));
  }
  return config;
}

}  // namespace isa::pool
