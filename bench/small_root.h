// The root of the containers that the platform's sandboxes are compared with, and live in on the backend
// docker: a shell with its libraries, from this machine.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace isa::bench {

class SmallRoot {
 public:
  SmallRoot();
  SmallRoot(const SmallRoot&) = delete;
  SmallRoot& operator=(const SmallRoot&) = delete;
  ~SmallRoot();

  // An image of it on the Docker engine; nothing when no engine answers.
  std::optional<std::string> image() const;
  // A bundle in which `runc run` executes `command`; nothing when there is no runc.
  std::optional<std::string> bundle(const std::vector<std::string>& command) const;

 private:
  std::string folder_;
};

}  // namespace isa::bench
