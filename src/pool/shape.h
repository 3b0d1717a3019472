// What all sandboxes of a pool share. The key of a warm sandbox is its shape and nothing else, so that any of
// them serves any session.
#pragma once

#include "pool/client.h"
#include "pool/settings.h"

namespace isa::pool {

inline constexpr std::string_view kAgentPool = "agent";
inline constexpr std::string_view kCustomPool = "custom_agent";

struct Shape {
  std::string pool;                          // As the store names it: "agent", "custom_agent/<deployment>".
  std::string pool_type;                     // As the API names it.
  std::optional<std::string> deployment_id;  // Of a custom agent.
  std::size_t warm = 0;                      // Kept ready at least.
  std::size_t max = 0;
  std::optional<std::string> image;
  std::optional<std::vector<std::string>> command;
  std::map<std::string, std::string> env;
  cloud_os::VmLimits limits;
  std::string version;  // Of this program: a warm sandbox of an older one is replaced.

  // The same for the same sandboxes, in every process.
  std::string digest() const;
};

std::string custom_pool(std::string_view deployment_id);
Shape agent_shape(const Settings& settings, std::string version);
Shape custom_shape(const std::string& deployment_id, const Deployment& deployment, std::string version);
// validation_error that names the field.
Result<void> check(const std::string& deployment_id, const Deployment& deployment);

}  // namespace isa::pool
