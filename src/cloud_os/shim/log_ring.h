// The last bytes of what a sandbox wrote: two files of half the size, so that disk use is bounded and a
// reader needs nothing but to read `log.old` and then `log`.
#pragma once

#include <cstddef>

namespace isa::shim {

class LogRing {
 public:
  // Writes in the working directory.
  explicit LogRing(std::size_t bytes_max);
  void append(const char* bytes, std::size_t count);

 private:
  void open_file();

  std::size_t half_;
  std::size_t used_ = 0;
  int fd_ = -1;
};

}  // namespace isa::shim
