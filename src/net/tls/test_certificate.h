// For tests: a certificate made on the spot, by the openssl command.
#pragma once

#include "base/testing.h"
#include "net/tls/tls.h"

#include <cstdlib>
#include <stdexcept>

namespace isa::net {

// A certificate that signs itself, valid for a day, for `names` like "DNS:localhost,IP:127.0.0.1".
inline TlsFiles make_certificate(const testing::TempFolder& folder, const std::string& name,
                                 const std::string& names) {
  TlsFiles files{folder / (name + ".crt"), folder / (name + ".key")};
  const auto command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=" + name +
      " -addext subjectAltName=" + names + " -keyout " + files.key + " -out " + files.certificate +
      " 2>/dev/null";
  if (std::system(command.c_str()) != 0) throw std::runtime_error("openssl could not make a certificate");
  return files;
}

}  // namespace isa::net
