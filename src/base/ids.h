// Distinct types for things that are all strings, so that they cannot be swapped at a call site.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

namespace isa {

// 26 lower-case Crockford base-32 characters: 48 bits of milliseconds, 80 random bits
// (https://github.com/ulid/spec). Thread-safe; sorts by time of creation across processes to the millisecond.
std::string make_ulid();

// n random bytes from the kernel as lower-case hexadecimal; for placeholders, tokens and nonces.
std::string random_hex(std::size_t bytes);

template <class Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string value) : value_(std::move(value)) {}
  // A fresh id, e.g. agent_01jd...; the prefix is the tag's.
  static Id make() { return Id(std::string(Tag::prefix) + make_ulid()); }

  const std::string& value() const { return value_; }
  bool empty() const { return value_.empty(); }
  auto operator<=>(const Id&) const = default;

 private:
  std::string value_;
};

#define ISA_ID(Name, text)                           \
  struct Name##Tag {                                 \
    static constexpr std::string_view prefix = text; \
  };                                                 \
  using Name = Id<Name##Tag>
ISA_ID(AgentId, "agent_");
ISA_ID(TemplateId, "");
ISA_ID(TeamId, "multi_");
ISA_ID(SessionId, "sess_");
ISA_ID(RunId, "run_");
ISA_ID(UserId, "");
ISA_ID(OrgId, "");
ISA_ID(SandboxId, "vm_");
ISA_ID(InstanceId, "inst_");
ISA_ID(LeaseId, "lease_");
ISA_ID(ApprovalId, "appr_");
ISA_ID(AllowanceId, "allow_");
ISA_ID(SkillId, "skill_");
#undef ISA_ID

}  // namespace isa

template <class Tag>
struct std::hash<isa::Id<Tag>> {
  std::size_t operator()(const isa::Id<Tag>& id) const { return std::hash<std::string>()(id.value()); }
};
