#include "pool/shape.h"

#include <algorithm>

namespace isa::pool {
namespace {

constexpr std::int64_t kInstancesMax = 10'000;

std::size_t at_least_zero(std::int64_t count) {
  return static_cast<std::size_t>(std::max<std::int64_t>(0, count));
}

// What of a shape makes a sandbox another one.
struct Makings {
  std::optional<std::string> image;
  std::optional<std::vector<std::string>> command;
  std::map<std::string, std::string> env;
  cloud_os::VmLimits limits;
  std::string version;
};
BOOST_DESCRIBE_STRUCT(Makings, (), (image, command, env, limits, version))

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
  });
}

}  // namespace

std::string Shape::digest() const {
  const Makings makings{image, command, env, limits, version};
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/
  for (const unsigned char byte : json::serialize(json::write(makings)))
    hash = (hash ^ byte) * 1099511628211U;
  return fmt::format("{:016x}", hash);
}

std::string custom_pool(std::string_view deployment_id) {
  return fmt::format("{}/{}", kCustomPool, deployment_id);
}

Shape agent_shape(const Settings& settings, std::string version) {
  Shape shape;
  shape.pool = shape.pool_type = kAgentPool;
  shape.warm = at_least_zero(settings.agent_warm);
  shape.max = std::max(shape.warm, at_least_zero(settings.agent_max));
  shape.limits.memory_mb = settings.agent_memory_mb;
  shape.limits.cpu_count = settings.agent_cpu_count;
  shape.limits.pids = settings.agent_pids;
  shape.version = std::move(version);
  return shape;
}

Shape custom_shape(const std::string& deployment_id, const Deployment& deployment, std::string version) {
  Shape shape;
  shape.pool = custom_pool(deployment_id);
  shape.pool_type = kCustomPool;
  shape.deployment_id = deployment_id;
  shape.warm = at_least_zero(deployment.min_warm);
  shape.max = at_least_zero(deployment.max_instances);
  shape.image = deployment.image;
  shape.command = deployment.command;
  shape.env = deployment.env;
  shape.limits = deployment.limits;
  shape.version = std::move(version);
  return shape;
}

Result<void> check(const std::string& deployment_id, const Deployment& deployment) {
  if (!is_name(deployment_id))
    return validation_error("a deployment's id has 1 to 128 letters, digits, '_', '-' and '.'")
        .with_param("/deployment_id");
  if (deployment.max_instances < 1 || deployment.max_instances > kInstancesMax)
    return validation_error("max_instances must be from 1 to {}", kInstancesMax).with_param("/max_instances");
  if (deployment.min_warm < 0 || deployment.min_warm > deployment.max_instances)
    return validation_error("min_warm must be from 0 to max_instances").with_param("/min_warm");
  return ok();
}

}  // namespace isa::pool
