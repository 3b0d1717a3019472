#pragma once

#include "cloud_os/secrets/key.h"

#include <vector>

namespace isa::cloud_os {

// Takes a secret out of what comes back: the value as it is, and as it looks in URLs, JSON, base64 (at any
// place within a longer text) and hexadecimal. Against accidents, such as a server that echoes its request;
// no server can be kept from saying a secret in a form of its own.
class Redactor {
 public:
  Redactor() = default;  // Takes nothing out.
  explicit Redactor(const std::string& value);

  // What may be passed on of the stream so far; the rest may be the beginning of the secret.
  std::string feed(std::string piece);
  std::string finish();
  // Of a text that is complete.
  std::string whole(std::string text) const;

 private:
  void clean(std::string& text) const;

  std::vector<Confidential> forms_;
  std::size_t longest_ = 0;
  std::string held_;
};

}  // namespace isa::cloud_os
