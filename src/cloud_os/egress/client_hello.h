// The first message of a TLS client, read without taking part (RFC 8446, sections 4.1.2 and 5.1; RFC 6066,
// section 3): which server does it name?
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace isa::cloud_os {

struct ClientHello {
  std::string server_name;  // As sent; empty when it names none.
  // It may mean another server than it names (encrypted_client_hello, RFC 9849). A client that only pretends
  // to (GREASE) looks the same, which is its purpose.
  bool hides_name = false;
};

enum class HelloProgress { incomplete, complete, malformed };

// Reads from the first byte of a connection on; to be called again with more bytes while it is incomplete,
// which it is for 16 kB at most.
HelloProgress read_client_hello(std::string_view bytes, ClientHello& to);

}  // namespace isa::cloud_os
