#pragma once

#include "base/result.h"
#include "net/endpoint.h"
#include "runtime/forwarder.h"

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
  // What connects there talks to the broker, which tells them apart. 0: the system chooses.
  ForwarderPorts ports;
};

Result<Options> parse_options(std::span<const char* const> arguments);

}  // namespace isa::runtime
