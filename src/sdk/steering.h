#pragma once

#include <string>
#include <utility>
#include <vector>

namespace isa::sdk {

// What a user says to a turn that is under way. What was taken is heard before the next model call, or the
// turn goes on for it; what comes too late is refused, so that nothing gets lost. Lives on one event loop.
class Steering {
 public:
  // False: the turn hears no more.
  bool offer(std::string message) {
    if (is_closed_) return false;
    said_.push_back(std::move(message));
    return true;
  }
  std::vector<std::string> take() { return std::exchange(said_, {}); }
  bool empty() const { return said_.empty(); }
  void close() { is_closed_ = true; }

 private:
  std::vector<std::string> said_;
  bool is_closed_ = false;
};

}  // namespace isa::sdk
