// What the tools in a sandbox ask of its broker about the web. The broker holds the keys and the allow-list,
// and is the one who connects; what comes back is parsed in the sandbox (docs/decisions/0012-web-tools.md).
//
//   POST /web/search   WebSearch -> WebHits
//   POST /web/fetch    WebFetch -> WebPage: by the rules of the egress proxy, redirects included
//
// Errors are the usual envelope: web_search_not_configured, too_many_searches, egress_not_allowed, ...
#pragma once

#include "base/json.h"

#include <string>
#include <vector>

namespace isa::sdk {

enum class Freshness { day, week, month, year };
BOOST_DESCRIBE_ENUM(Freshness, day, week, month, year)

struct WebSearch {
  std::string query;
  std::int64_t count = 10;
  std::optional<Freshness> freshness;  // No older than that.
};
BOOST_DESCRIBE_STRUCT(WebSearch, (), (query, count, freshness))

struct WebHit {
  std::string title;
  std::string url;
  std::string snippet;
  std::optional<std::string> published;  // As the provider writes it.
};
BOOST_DESCRIBE_STRUCT(WebHit, (), (title, url, snippet, published))

struct WebHits {
  std::string provider;
  std::vector<WebHit> results;
};
BOOST_DESCRIBE_STRUCT(WebHits, (), (provider, results))

struct WebFetch {
  std::string url;
};
BOOST_DESCRIBE_STRUCT(WebFetch, (), (url))

struct WebPage {
  std::string url;           // Where the last redirect led.
  std::int64_t status = 0;   // Of HTTP.
  std::string content_type;  // As the server says it.
  std::string body_base64;
  bool is_cut = false;  // The answer was longer than the broker takes.
};
BOOST_DESCRIBE_STRUCT(WebPage, (), (url, status, content_type, body_base64, is_cut))

inline constexpr std::size_t kWebQueryMax = 400;  // Bytes.
inline constexpr std::int64_t kWebHitsMax = 20;
inline constexpr std::size_t kWebBodyMax = 2 << 20;  // Bytes of a page.

// Whether web_crawl can show an answer of that Content-Type: HTML, and what is text already.
enum class WebContent { html, text, other };
WebContent web_content_of(std::string_view content_type);

}  // namespace isa::sdk
