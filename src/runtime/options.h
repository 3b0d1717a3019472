#pragma once

#include "base/result.h"
#include "net/endpoint.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace isa::runtime {

// Of the command line. The defaults are the sandbox's; the rest is for running the program by hand.
struct Options {
  // Without both: the socket that the sandbox's starter left open as descriptor 3.
  std::optional<net::Endpoint> listen;
  std::string listener_from;  // A Unix socket whose server hands over the listening socket (listener.h).
  std::string broker = "/run/isa/broker.sock";
  std::string workspace = "/workspace";
  std::uint16_t model_port = 8082;  // On 127.0.0.1: what connects there talks to the broker,
  std::uint16_t proxy_port = 3128;  // and so does what connects here. The broker tells them apart.
};

Result<Options> parse_options(std::span<const char* const> arguments);

}  // namespace isa::runtime
