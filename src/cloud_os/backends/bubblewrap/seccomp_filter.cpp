#include "cloud_os/backends/bubblewrap/seccomp_filter.h"

#include "cloud_os/allowed_syscalls.h"

#include <seccomp.h>

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace isa::cloud_os {
namespace {

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

// Calls younger than libseccomp's names answer ENOSYS, so that a C library falls back instead of failing.
constexpr int kFirstUnnamed = 451;
constexpr int kLastUnnamed = 600;

class Builder {
 public:
  explicit Builder(std::uint32_t fallback) : filter_(seccomp_init(fallback), &seccomp_release) {
    if (!filter_) error_ = -ENOMEM;
  }

  void rule(std::uint32_t action, int call, std::initializer_list<ArgumentCondition> conditions = {}) {
    std::vector<scmp_arg_cmp> all;
    for (const auto& one : conditions) all.push_back({one.argument, SCMP_CMP_MASKED_EQ, one.mask, one.value});
    if (error_ == 0 && call >= 0)
      error_ =
          seccomp_rule_add_array(filter_.get(), action, call, static_cast<unsigned>(all.size()), all.data());
  }
  void rule(std::uint32_t action, const char* name,
            std::initializer_list<ArgumentCondition> conditions = {}) {
    rule(action, seccomp_syscall_resolve_name(name), conditions);
  }

  // Into an anonymous file.
  Result<int> finish(const char* name) {
    const int fd = error_ == 0 ? ::memfd_create(name, MFD_CLOEXEC) : -1;
    if (error_ == 0 && fd < 0) error_ = -errno;
    if (error_ == 0) error_ = seccomp_export_bpf(filter_.get(), fd);
    if (error_ == 0) return fd;
    if (fd >= 0) ::close(fd);
    return from_errno(-error_, "the system call filter of sandboxes cannot be built by libseccomp");
  }

 private:
  Filter filter_;
  int error_ = 0;
};

Result<int> compile_allowed() {
  Builder filter(SCMP_ACT_ERRNO(EPERM));
  for (const char* name : kAllowedSyscalls) filter.rule(SCMP_ACT_ALLOW, name);
  for (const auto& [name, conditions] : kConditionalSyscalls) filter.rule(SCMP_ACT_ALLOW, name, conditions);
  for (const char* name : kUnknownSyscalls) filter.rule(SCMP_ACT_ERRNO(ENOSYS), name);
  for (int call = kFirstUnnamed; call <= kLastUnnamed; ++call) filter.rule(SCMP_ACT_ERRNO(ENOSYS), call);
  return filter.finish("isa-seccomp-allowed");
}

Result<int> compile_refused() {
  Builder filter(SCMP_ACT_ALLOW);
  for (const std::uint64_t request : kRefusedIoctls)
    filter.rule(SCMP_ACT_ERRNO(EPERM), "ioctl", {{1, kLow32, request}});
  return filter.finish("isa-seccomp-ioctls");
}

int reopen(int fd) {
  return ::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_RDONLY | O_CLOEXEC);
}

}  // namespace

Result<SeccompFilter> SeccompFilter::compile() {
  ISA_TRY(const int allowed, compile_allowed());
  auto refused = compile_refused();
  if (!refused) {
    ::close(allowed);
    return Failure(std::move(refused).error());
  }
  return SeccompFilter(allowed, *refused);
}

SeccompFilter::SeccompFilter(SeccompFilter&& other) noexcept
    : allowed_(std::exchange(other.allowed_, -1)), refused_(std::exchange(other.refused_, -1)) {}

SeccompFilter::~SeccompFilter() {
  if (allowed_ >= 0) ::close(allowed_);
  if (refused_ >= 0) ::close(refused_);
}

int SeccompFilter::open_allowed() const {
  return reopen(allowed_);
}

int SeccompFilter::open_refused_ioctls() const {
  return reopen(refused_);
}

}  // namespace isa::cloud_os
