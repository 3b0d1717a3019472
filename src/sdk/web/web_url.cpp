#include "sdk/web/web_url.h"

#include "net/host_pattern.h"

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>

namespace isa::sdk {
namespace {

namespace urls = boost::urls;

// Browsers take spaces and other scripts in a URL; RFC 3986 has them as %XX. Blanks around are none of it.
std::string as_uri(std::string_view text) {
  constexpr std::string_view kNever = " \"<>\\^`{|}";
  constexpr std::string_view kBlank = " \t\r\n\f";
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  text = text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
  std::string uri;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == '\t' || byte == '\r' || byte == '\n') continue;
    if (byte <= 0x20 || byte >= 0x7F || kNever.find(c) != std::string_view::npos)
      uri += fmt::format("%{:02X}", byte);
    else
      uri += c;
  }
  return uri;
}

Error no_url(std::string_view text) {
  return validation_error("'{}' is no URL of the web; write https://host/path", text.substr(0, 200))
      .with_code("bad_url");
}

Result<WebUrl> take_apart(urls::url url, std::string_view shown) {
  url.remove_fragment();
  url.normalize_scheme();
  const bool is_tls = url.scheme() == "https";
  if ((!is_tls && url.scheme() != "http") || url.encoded_host().empty()) return no_url(shown);
  if (url.has_userinfo())
    return validation_error("'{}' holds a user name; credentials do not belong into a URL",
                            shown.substr(0, 200))
        .with_code("bad_url");
  const std::string_view written = url.port();
  const auto port =
      written.empty() ? std::optional<std::uint16_t>(is_tls ? 443 : 80) : net::parse_port_number(written);
  if (!port) return no_url(shown);
  WebUrl web;
  web.is_tls = is_tls;
  web.host = std::string(url.encoded_host());
  web.port = *port;
  web.path = std::string(url.encoded_target());
  if (!web.path.starts_with('/')) web.path.insert(0, "/");
  web.text = std::string(url.buffer());
  if (web.text.size() > kUrlMax)
    return validation_error("a URL has at most {} bytes", kUrlMax).with_code("bad_url");
  return web;
}

}  // namespace

Result<WebUrl> WebUrl::parse(std::string_view text) {
  if (text.size() > kUrlMax)
    return validation_error("a URL has at most {} bytes", kUrlMax).with_code("bad_url");
  const auto uri = as_uri(text);
  const auto parsed = urls::parse_uri(uri);
  if (!parsed) return no_url(text);
  return take_apart(urls::url(*parsed), text);
}

Result<WebUrl> WebUrl::resolve(std::string_view reference) const {
  if (reference.size() > kUrlMax)
    return validation_error("a URL has at most {} bytes", kUrlMax).with_code("bad_url");
  const auto uri = as_uri(reference);
  const auto base = urls::parse_uri(text);
  const auto relative = urls::parse_uri_reference(uri);
  urls::url whole;
  if (!base || !relative || !urls::resolve(*base, *relative, whole)) return no_url(reference);
  return take_apart(std::move(whole), reference);
}

}  // namespace isa::sdk
