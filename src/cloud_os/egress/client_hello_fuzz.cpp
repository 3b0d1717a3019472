// Whatever arrives: no crash, no answer that changes once given, and cutting the bytes changes nothing.
#include "cloud_os/egress/client_hello.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isa::cloud_os;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ClientHello whole;
  const auto at_once = read_client_hello(bytes, whole);
  HelloProgress piecewise = HelloProgress::incomplete;
  ClientHello pieces;
  for (std::size_t seen = 0; seen <= size && piecewise == HelloProgress::incomplete; ++seen)
    piecewise = read_client_hello(bytes.substr(0, seen), pieces);
  if (at_once != piecewise || pieces.server_name != whole.server_name ||
      pieces.hides_name != whole.hides_name)
    std::abort();
  return 0;
}
