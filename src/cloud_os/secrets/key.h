// What secrets are sealed with (libsodium's secretbox: XSalsa20 and Poly1305).
#pragma once

#include "base/result.h"

#include <array>
#include <filesystem>
#include <string>

namespace isa::cloud_os {

// A text that is overwritten when it goes.
class Confidential {
 public:
  Confidential() = default;
  explicit Confidential(std::string text) : text_(std::move(text)) {}
  Confidential(Confidential&& other) noexcept : text_(std::move(other.text_)) { other.wipe(); }
  Confidential& operator=(Confidential&& other) noexcept;
  ~Confidential() { wipe(); }

  const std::string& text() const { return text_; }

 private:
  void wipe() noexcept;
  std::string text_;
};

class SecretsKey {
 public:
  // `configured` is the key in 64 hexadecimal digits; when it is empty, `file` holds it, which is made at
  // first use, with mode 0600. failed_dependency for a key that is none, and for a file that others can read.
  // Blocks.
  static Result<SecretsKey> load(const std::string& configured, const std::filesystem::path& file);
  SecretsKey(SecretsKey&& other) noexcept;
  SecretsKey& operator=(SecretsKey&&) = delete;
  ~SecretsKey();

  std::string seal(const std::string& text) const;
  // failed_dependency when it was sealed with another key, or changed since.
  Result<Confidential> open(const std::string& sealed) const;
  // 32 hexadecimal digits that follow from the key and `name`, and from which neither follows.
  std::string derive(std::string_view name) const;

 private:
  SecretsKey() = default;
  std::array<unsigned char, 32> bytes_{};
};

}  // namespace isa::cloud_os
