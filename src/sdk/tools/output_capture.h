// Keeps the beginning and the end of an output of any length in bounded memory.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace isa::sdk {

class OutputCapture {
 public:
  // Keeps at most about `max` bytes; half of them are the end of the output.
  explicit OutputCapture(std::size_t max) : half_(max / 2) {}

  void add(std::string_view piece);
  bool is_cut() const { return left_out() > 0; }
  // Valid UTF-8, with a visible marker where something was left out.
  std::string text() const;

 private:
  std::size_t left_out() const { return size_ - head_.size() - kept_tail().size(); }
  std::string_view kept_tail() const;

  std::size_t half_;
  std::size_t size_ = 0;
  std::string head_;
  std::string
      tail_;  // At most twice half_: it is cut back when it has doubled, so that a byte is moved once.
};

}  // namespace isa::sdk
