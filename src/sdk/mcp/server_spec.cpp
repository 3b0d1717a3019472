#include "sdk/mcp/server_spec.h"

#include "net/host_pattern.h"

#include <algorithm>

namespace isa::sdk::mcp {
namespace {

constexpr std::size_t kTextMax = 8 << 10;  // Bytes of a command, an argument, a value.
constexpr std::size_t kCountMax = 128;     // Arguments; variables.
constexpr std::size_t kUrlMax = 2048;

Error broken(std::string pointer, std::string_view rule) {
  return validation_error("{}: {}", pointer, rule).with_param(pointer);
}

Result<void> check_text(const std::string& pointer, const std::string& text) {
  if (text.size() > kTextMax) return broken(pointer, fmt::format("at most {} kB", kTextMax >> 10));
  if (text.find('\0') != std::string::npos) return broken(pointer, "it holds a zero byte");
  return ok();
}

bool is_variable(std::string_view name) {
  const auto is_part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && !(name.front() >= '0' && name.front() <= '9') && std::ranges::all_of(name, is_part);
}

Result<void> check_program(const std::string& pointer, const ServerSpec& server) {
  if (server.command->empty()) return broken(pointer + "/command", "the command is empty");
  ISA_TRYV(check_text(pointer + "/command", *server.command));
  if (server.headers_secret) return broken(pointer, "'headers_secret' goes with 'url'");
  const auto args = server.args.value_or(std::vector<std::string>());
  if (args.size() > kCountMax) return broken(pointer + "/args", fmt::format("at most {} entries", kCountMax));
  for (std::size_t i = 0; i < args.size(); ++i)
    ISA_TRYV(check_text(fmt::format("{}/args/{}", pointer, i), args[i]));
  const auto env = server.env.value_or(std::map<std::string, std::string>());
  if (env.size() > kCountMax) return broken(pointer + "/env", fmt::format("at most {} entries", kCountMax));
  for (const auto& [name, value] : env) {
    const auto at = pointer + "/env/" + name;
    if (!is_variable(name)) return broken(at, "is no name of an environment variable");
    if (name.starts_with("LD_")) return broken(at, "variables of the dynamic linker cannot be set");
    ISA_TRYV(check_text(at, value));
  }
  return ok();
}

Result<void> check_address(const std::string& pointer, const ServerSpec& server) {
  if (server.args || server.env) return broken(pointer, "'args' and 'env' go with 'command'");
  const auto url = parse_server_url(*server.url);
  if (!url) return broken(pointer + "/url", url.error().message());
  if (!server.headers_secret) return ok();
  const auto& name = *server.headers_secret;
  if (name.empty() || name.size() > 64)
    return broken(pointer + "/headers_secret", "expected a secret's name");
  if (!url->tls) return broken(pointer + "/url", "a server with a secret needs https://");
  return ok();
}

}  // namespace

std::string ServerUrl::origin() const {
  const bool is_usual = port == (tls ? 443 : 80);
  return fmt::format("{}://{}{}", tls ? "https" : "http", host, is_usual ? "" : fmt::format(":{}", port));
}

Result<ServerUrl> parse_server_url(std::string_view text) {
  ServerUrl url;
  if (text.size() > kUrlMax) return validation_error("a URL has at most {} characters", kUrlMax);
  std::string_view rest = text;
  url.tls = rest.starts_with("https://");
  if (!url.tls && !rest.starts_with("http://"))
    return validation_error("'{}' is no URL of a server: write https://host[:port][/path]", text);
  rest.remove_prefix(url.tls ? 8 : 7);
  const auto is_bad = [](char c) { return c <= ' ' || c == '#' || c > '~'; };
  if (std::ranges::any_of(rest, is_bad))
    return validation_error("'{}': blanks, '#' and letters outside of ASCII must be percent-encoded", text);
  const auto authority = rest.substr(0, rest.find_first_of("/?"));
  rest.remove_prefix(authority.size());
  if (authority.contains('@'))
    return validation_error("a URL must not hold a user name or a password; use 'headers_secret'");
  const auto colon = authority.find(':');
  ISA_TRY(url.host, net::normal_host(authority.substr(0, colon)));
  url.port = url.tls ? 443 : 80;
  if (colon != std::string_view::npos) {
    const auto port = net::parse_port_number(authority.substr(colon + 1));
    if (!port) return validation_error("'{}': what follows the colon must be a port, 1 to 65535", text);
    url.port = *port;
  }
  url.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  return url;
}

Result<void> check_server(const std::string& pointer, const ServerSpec& server) {
  if (server.command.has_value() == server.url.has_value())
    return broken(pointer, "expected either 'command' or 'url'");
  return server.command ? check_program(pointer, server) : check_address(pointer, server);
}

}  // namespace isa::sdk::mcp
