#include "net/host_pattern.h"

#include "net/text.h"

#include <algorithm>
#include <charconv>

namespace isa::net {
namespace {

constexpr std::size_t kNameMax = 253;
constexpr std::size_t kLabelMax = 63;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLabelMax && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(
             label, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_'; });
}

// No top-level domain begins with a digit, but the last part of an address does in every spelling,
// hexadecimal and octal ones included (https://url.spec.whatwg.org/#ends-in-a-number-checker).
bool is_part_of_address(std::string_view last_label) {
  return is_digit(last_label.front());
}

}  // namespace

std::optional<std::uint16_t> parse_port_number(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

Result<std::string> normal_host(std::string_view text) {
  std::string name(text);
  std::ranges::transform(name, name.begin(), to_lower);
  if (name.ends_with('.')) name.pop_back();
  const auto refused = [&](std::string_view why) {
    return validation_error("'{}' is no name of a host: {}", text.substr(0, kNameMax), why);
  };
  if (name.empty() || name.size() > kNameMax) return refused("a name has 1 to 253 characters");
  if (std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
    return refused("write a name in other letters than a-z in its xn-- form");
  std::string_view rest = name, last;
  std::size_t labels = 0;
  while (!rest.empty()) {
    const bool ends_in_dot = rest.ends_with('.');
    last = take_until(rest, '.');
    if (!is_label(last) || (rest.empty() && ends_in_dot))
      return refused("its parts are 1 to 63 letters, digits, '-' and '_', separated by dots");
    ++labels;
  }
  if (is_part_of_address(last)) return refused("an IP address is not allowed, write a name");
  if (labels < 2) return refused("a name needs a dot, like api.example.com");
  return name;
}

Result<HostPattern> HostPattern::parse(std::string_view text) {
  HostPattern pattern;
  std::string_view host = text;
  if (const auto colon = host.find(':'); colon != std::string_view::npos) {
    pattern.port = parse_port_number(host.substr(colon + 1));
    if (!pattern.port)
      return validation_error(
          "'{}' is no rule: what follows the colon must be a port, 1 to 65535, like api.example.com:8443",
          text);
    host = host.substr(0, colon);
  }
  pattern.is_wildcard = host.starts_with("*.");
  if (pattern.is_wildcard) host.remove_prefix(2);
  auto name = normal_host(host);
  if (!name)
    return validation_error(
        "'{}' is no rule: {}; write api.example.com, *.example.com or one of them with :port", text,
        name.error().message());
  pattern.name = *std::move(name);
  return pattern;
}

bool HostPattern::matches(std::string_view normal) const {
  if (!is_wildcard) return normal == name;
  return normal.size() > name.size() + 1 && normal.ends_with(name) &&
         normal[normal.size() - name.size() - 1] == '.';
}

std::string HostPattern::to_string() const {
  return fmt::format("{}{}{}", is_wildcard ? "*." : "", name, port ? fmt::format(":{}", *port) : "");
}

}  // namespace isa::net
