// For tests: a disk that is really full. A small tmpfs, where this user may mount one.
#pragma once

#include "base/testing.h"

#include <fstream>
#include <string>

#include <sys/mount.h>

namespace isa::store::testing {

class SmallDisk {
 public:
  explicit SmallDisk(std::size_t kilobytes) {
    const auto size = "mode=0700,size=" + std::to_string(kilobytes) + "k";
    is_mounted_ = ::mount("tmpfs", path().c_str(), "tmpfs", 0, size.c_str()) == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (is_mounted_) ::umount2(path().c_str(), MNT_DETACH);
  }

  bool is_mounted() const { return is_mounted_; }
  std::filesystem::path path() const { return folder_.path(); }
  // Leaves no byte free.
  void fill() const {
    std::ofstream ballast(path() / "ballast", std::ios::binary | std::ios::app);
    const std::string block(4096, 'x');
    while (ballast.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void free_again() const { std::filesystem::remove(path() / "ballast"); }
  bool set_read_only() const {
    return ::mount(nullptr, path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }

 private:
  isa::testing::TempFolder folder_;
  bool is_mounted_ = false;
};

}  // namespace isa::store::testing
