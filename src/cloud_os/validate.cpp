#include "cloud_os/validate.h"

#include "cloud_os/egress/rules.h"

namespace isa::cloud_os {
namespace {

constexpr std::int64_t kTimeoutMax = 30LL * 24 * 3600;  // Seconds.

Result<void> within(std::string_view field, std::int64_t value, std::int64_t min, std::int64_t max) {
  if (value >= min && value <= max) return ok();
  return validation_error("{} must be from {} to {}, not {}", field, min, max, value)
      .with_param(fmt::format("/{}", field));
}

}  // namespace

Result<void> check(const VmRenew& wanted) {
  if (wanted.timeout_s) ISA_TRYV(within("timeout_s", *wanted.timeout_s, 1, kTimeoutMax));
  if (wanted.idle_timeout_s) ISA_TRYV(within("idle_timeout_s", *wanted.idle_timeout_s, 1, kTimeoutMax));
  return ok();
}

Result<void> check(const VmCreate& spec) {
  ISA_TRYV(within("limits/cpu_count", spec.limits.cpu_count, 1, 8));
  ISA_TRYV(within("limits/memory_mb", spec.limits.memory_mb, 64, 16384));
  ISA_TRYV(within("limits/disk_size_gb", spec.limits.disk_size_gb, 1, 100));
  ISA_TRYV(within("limits/pids", spec.limits.pids, 8, 32768));
  if (spec.timeout_s) ISA_TRYV(within("timeout_s", *spec.timeout_s, 1, kTimeoutMax));
  if (spec.idle_timeout_s) ISA_TRYV(within("idle_timeout_s", *spec.idle_timeout_s, 1, kTimeoutMax));
  if (spec.container_port) ISA_TRYV(within("container_port", *spec.container_port, 1, 65535));
  ISA_TRYV(EgressRules::parse(spec.egress));
  if (spec.labels.size() > 32)
    return validation_error("a sandbox has at most 32 labels").with_param("/labels");
  for (const auto& [name, value] : spec.labels)
    if (name.empty() || name.size() > 128 || value.size() > 256)
      return validation_error("a label has a name of 1 to 128 and a value of at most 256 characters")
          .with_param("/labels/" + name);
  return ok();
}

}  // namespace isa::cloud_os
