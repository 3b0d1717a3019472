#pragma once

#include "pool/client.h"

namespace isa::pool {

// What the request asks of the sandbox beyond its shape. It is bound late and so never makes a start cold.
struct SandboxConfig {
  using json_defaults = void;
  std::map<std::string, std::string> env;          // Of the tools. Never a secret.
  std::optional<std::vector<std::string>> egress;  // Hosts that it may reach; its broker sees to it.
};
BOOST_DESCRIBE_STRUCT(SandboxConfig, (), (env, egress))

Result<SandboxConfig> config_of(const AcquireRequest& request);

}  // namespace isa::pool
