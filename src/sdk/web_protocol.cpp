#include "sdk/web_protocol.h"

#include "net/text.h"

#include <algorithm>
#include <array>

namespace isa::sdk {

WebContent web_content_of(std::string_view content_type) {
  constexpr std::array<std::string_view, 2> kHtml = {"text/html", "application/xhtml+xml"};
  constexpr std::array<std::string_view, 7> kText = {
      "application/json", "application/ld+json",    "application/xml",     "application/yaml",
      "application/toml", "application/javascript", "application/x-ndjson"};
  std::string type(net::trim(net::take_until(content_type, ';')));
  std::ranges::transform(type, type.begin(), net::to_lower);
  if (std::ranges::find(kHtml, type) != kHtml.end()) return WebContent::html;
  const bool is_text = type.starts_with("text/") || type.ends_with("+json") || type.ends_with("+xml") ||
                       std::ranges::find(kText, type) != kText.end();
  return is_text && type != "image/svg+xml" ? WebContent::text : WebContent::other;
}

}  // namespace isa::sdk
