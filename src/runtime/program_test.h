// A running isa-runtime for tests.
#pragma once

#include <cstdint>
#include <filesystem>

#include <sys/types.h>

namespace isa::runtime {

// Uses <folder>/control as its socket, <folder>/broker and <folder>/workspace. Stopped when it is destroyed.
class Program {
 public:
  // `by_inherited_socket`: it gets the listening socket as descriptor 3, as in a sandbox.
  Program(const std::filesystem::path& folder, bool by_inherited_socket);
  Program(const Program&) = delete;
  ~Program();

  pid_t pid() const { return pid_; }
  std::uint16_t model_port() const { return model_port_; }
  std::uint16_t proxy_port() const { return proxy_port_; }

 private:
  pid_t pid_ = 0;
  std::uint16_t model_port_;
  std::uint16_t proxy_port_;
};

bool is_running(pid_t pid);  // A zombie is not.
bool ends(pid_t pid);        // Waits up to ten seconds for it.

}  // namespace isa::runtime
