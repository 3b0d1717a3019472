#include "runtime/options.h"

#include <charconv>

namespace isa::runtime {
namespace {

Result<std::uint16_t> parse_port(std::string_view option, std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size())
    return validation_error("{}: '{}' is not a port from 0 to 65535", option, text);
  return port;
}

}  // namespace

Result<Options> parse_options(std::span<const char* const> arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const std::string_view name = arguments[i];
    if (i + 1 == arguments.size()) return validation_error("{}: a value must follow", name);
    const std::string_view value = arguments[i + 1];
    if (name == "--listen") {
      ISA_TRY(options.listen, net::Endpoint::parse_listen(value));
    } else if (name == "--listener-from") {
      options.listener_from = value;
    } else if (name == "--broker") {
      options.broker = value;
    } else if (name == "--workspace") {
      options.workspace = value;
    } else if (name == "--model-port") {
      ISA_TRY(options.ports.model, parse_port(name, value));
    } else if (name == "--proxy-port") {
      ISA_TRY(options.ports.proxy, parse_port(name, value));
    } else {
      return validation_error(
          "{} is unknown; the options are --listen, --listener-from, --broker, --workspace, --model-port, "
          "--proxy-port",
          name);
    }
  }
  return options;
}

}  // namespace isa::runtime
