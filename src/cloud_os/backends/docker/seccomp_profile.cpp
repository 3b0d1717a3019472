#include "cloud_os/backends/docker/seccomp_profile.h"

#include "cloud_os/allowed_syscalls.h"

#include <algorithm>
#include <cerrno>
#include <span>

namespace isa::cloud_os::docker {
namespace {

#if defined(__aarch64__)
constexpr const char* kArchitecture = "SCMP_ARCH_AARCH64";
#else
constexpr const char* kArchitecture = "SCMP_ARCH_X86_64";
#endif
constexpr std::string_view kIoctl = "ioctl";
constexpr unsigned kRequest = 1;  // Its argument.
constexpr int kRequestBits = 32;  // The kernel looks at no more of it.

template <class Conditions>
json::object allow(std::string_view name, const Conditions& conditions) {
  json::array all;
  for (const auto& [argument, mask, value] : conditions)
    all.push_back(json::object{
        {"index", argument}, {"value", mask}, {"valueTwo", value}, {"op", "SCMP_CMP_MASKED_EQ"}});
  return {{"names", json::array{name}}, {"action", "SCMP_ACT_ALLOW"}, {"args", std::move(all)}};
}

// A profile allows, and compares an argument with one thing per rule: "all but these" is as many rules as it
// takes to name everything else by its leading bits. `begin` stands for all numbers that begin like it,
// `bits` are the others.
void add_all_but(json::array& rules, std::span<const std::uint64_t> refused, ArgumentCondition begin,
                 int bits) {
  const bool holds_one =
      std::ranges::any_of(refused, [&](std::uint64_t one) { return (one & begin.mask) == begin.value; });
  if (!holds_one) return rules.push_back(allow(kIoctl, std::initializer_list{begin}));
  if (bits == 0) return;
  const auto next = std::uint64_t{1} << (bits - 1);
  add_all_but(rules, refused, {begin.argument, begin.mask | next, begin.value}, bits - 1);
  add_all_but(rules, refused, {begin.argument, begin.mask | next, begin.value | next}, bits - 1);
}

}  // namespace

json::object seccomp_profile() {
  json::array allowed, unknown, rules;
  for (const char* name : kAllowedSyscalls)
    if (name != kIoctl) allowed.emplace_back(name);
  for (const char* name : kUnknownSyscalls) unknown.emplace_back(name);
  rules.push_back(json::object{{"names", std::move(allowed)}, {"action", "SCMP_ACT_ALLOW"}});
  rules.push_back(
      json::object{{"names", std::move(unknown)}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", ENOSYS}});
  for (const auto& [name, conditions] : kConditionalSyscalls) rules.push_back(allow(name, conditions));
  add_all_but(rules, kRefusedIoctls, {kRequest, 0, 0}, kRequestBits);
  // What is refused answers EPERM; calls younger than these names answer ENOSYS by runc's own hand, which it
  // does only for architectures that are named. Programs of others are killed.
  return {{"defaultAction", "SCMP_ACT_ERRNO"},
          {"architectures", json::array{kArchitecture}},
          {"syscalls", std::move(rules)}};
}

}  // namespace isa::cloud_os::docker
