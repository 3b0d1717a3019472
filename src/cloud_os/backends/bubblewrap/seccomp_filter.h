// The system calls that a sandbox may make.
#pragma once

#include "base/result.h"

namespace isa::cloud_os {

// Compiled once; lives as long as its owner. Two programs that the kernel both applies, the stricter answer
// winning: an allow-list, and a list of ioctls that no terminal of a sandbox needs (an allow-list cannot say
// "all but these").
class SeccompFilter {
 public:
  static Result<SeccompFilter> compile();
  SeccompFilter(SeccompFilter&& other) noexcept;
  SeccompFilter& operator=(SeccompFilter&&) = delete;
  ~SeccompFilter();

  // A descriptor of its own (whoever reads it moves an offset), close-on-exec; -1 with errno.
  int open_allowed() const;
  int open_refused_ioctls() const;

 private:
  SeccompFilter(int allowed, int refused) : allowed_(allowed), refused_(refused) {}
  int allowed_ = -1;
  int refused_ = -1;
};

}  // namespace isa::cloud_os
