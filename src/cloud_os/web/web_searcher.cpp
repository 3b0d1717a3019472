#include "cloud_os/web/web_searcher.h"

#include "cloud_os/web/search_answers.h"

#include <array>

namespace isa::cloud_os {
namespace {

constexpr std::size_t kAnswerMax = 2 << 20;  // Bytes.
constexpr std::chrono::seconds kPatience{15};

std::string with_query(std::string path,
                       const std::vector<std::pair<std::string_view, std::string>>& fields) {
  char separator = '?';
  for (const auto& [name, value] : fields) {
    path += fmt::format("{}{}={}", separator, name, net::percent_encode(value));
    separator = '&';
  }
  return path;
}

net::ClientRequest ask_searxng(const sdk::WebSearch& what, const std::string& key) {
  std::vector<std::pair<std::string_view, std::string>> fields = {{"q", what.query}, {"format", "json"}};
  // It documents day, month and year alone.
  if (what.freshness)
    fields.emplace_back("time_range", *what.freshness == sdk::Freshness::week
                                          ? "month"
                                          : std::string(json::name_of(*what.freshness)));
  net::ClientRequest request;
  request.target = with_query("/search", fields);
  // It knows no keys itself; a proxy before it may ask for one.
  if (!key.empty()) request.headers.set("Authorization", "Bearer " + key);
  return request;
}

net::ClientRequest ask_brave(const sdk::WebSearch& what, const std::string& key) {
  std::vector<std::pair<std::string_view, std::string>> fields = {
      {"q", what.query}, {"count", std::to_string(what.count)}, {"text_decorations", "false"}};
  if (what.freshness)
    fields.emplace_back("freshness", "p" + std::string(json::name_of(*what.freshness).substr(0, 1)));
  net::ClientRequest request;
  request.target = with_query("/res/v1/web/search", fields);
  request.headers.set("X-Subscription-Token", key);
  return request;
}

net::ClientRequest ask_tavily(const sdk::WebSearch& what, const std::string& key) {
  json::object body{{"query", what.query}, {"max_results", what.count}, {"search_depth", "basic"}};
  if (what.freshness) body["time_range"] = json::name_of(*what.freshness);
  net::ClientRequest request;
  request.method = net::Method::post;
  request.target = "/search";
  request.headers.set("Authorization", "Bearer " + key);
  request.headers.set("Content-Type", "application/json");
  request.body = json::serialize(body);
  return request;
}

}  // namespace

struct WebSearcher::Adapter {
  std::string_view name;
  std::string_view usual_url;  // Empty: everybody has an own one.
  bool needs_key;
  net::ClientRequest (*ask)(const sdk::WebSearch&, const std::string& key);
  Result<std::vector<sdk::WebHit>> (*read)(std::string_view);

  static const Adapter* find(std::string_view name) {
    static constexpr std::array<Adapter, 3> all = {{
        {"searxng", "", false, ask_searxng, read_searxng},
        {"brave", "https://api.search.brave.com", true, ask_brave, read_brave},
        {"tavily", "https://api.tavily.com", true, ask_tavily, read_tavily},
    }};
    const auto found = std::ranges::find(all, name, &Adapter::name);
    return found == all.end() ? nullptr : &*found;
  }
};

Result<std::unique_ptr<WebSearcher>> WebSearcher::make(const Settings& settings, net::TlsConnector& tls) {
  const auto& name = settings.web_search_provider;
  const auto* adapter = Adapter::find(name);
  net::Url at;
  if (!name.empty() && !adapter)
    return validation_error("cloud_os.web_search.provider: '{}' is none of searxng, brave, tavily", name);
  if (settings.web_search_per_minute < 1)
    return validation_error("cloud_os.web_search.per_minute: must be at least 1");
  if (adapter) {
    if (adapter->needs_key && settings.web_search_api_key.empty())
      return validation_error("cloud_os.web_search.api_key: {} needs one", name);
    const auto url =
        settings.web_search_url.empty() ? std::string(adapter->usual_url) : settings.web_search_url;
    if (url.empty())
      return validation_error("cloud_os.web_search.url: {} needs the URL of its instance", name);
    auto parsed = net::Url::parse(url);
    if (!parsed) return validation_error("cloud_os.web_search.url: {}", parsed.error().message());
    at = *std::move(parsed);
  }
  return std::unique_ptr<WebSearcher>(new WebSearcher(settings, adapter, std::move(at), tls));
}

WebSearcher::WebSearcher(const Settings& settings, const Adapter* adapter, net::Url at,
                         net::TlsConnector& tls)
    : provider_(settings.web_search_provider),
      key_(settings.web_search_api_key),
      per_minute_(settings.web_search_per_minute),
      adapter_(adapter),
      at_(std::move(at)),
      client_({.body_max = kAnswerMax}, &tls) {}

Error WebSearcher::refusal(int status) const {
  if (status == 401 || (status == 403 && adapter_->needs_key))
    return upstream_error(
               "{} does not take the platform's key; whoever runs isA checks cloud_os.web_search.api_key",
               provider_)
        .with_code("web_search_refused");
  if (status == 403)
    return upstream_error("{} gives no JSON; whoever runs it adds json to search.formats of its settings.yml",
                          provider_)
        .with_code("web_search_refused");
  if (status == 429 || status == 432 || status == 433)  // The last two are Tavily's: the plan's limits.
    return Error(ErrorKind::rate_limit_exceeded, fmt::format("{} answers no more searches now", provider_))
        .with_code("web_search_limited");
  return upstream_error("{} answered the search with status {}", provider_, status)
      .with_code("web_search_failed");
}

Task<Result<sdk::WebHits>> WebSearcher::search(sdk::WebSearch what, Deadline deadline) {
  if (!adapter_)
    co_return Error(
        ErrorKind::failed_dependency,
        "no search provider is configured; whoever runs isA sets cloud_os.web_search.provider to searxng "
        "(with cloud_os.web_search.url), brave or tavily (with cloud_os.web_search.api_key)")
        .with_code("web_search_not_configured");
  auto request = adapter_->ask(what, key_);
  request.target = at_.prefix + request.target;
  request.peer = provider_ + " (cloud_os.web_search.url)";
  request.headers.set("Accept", "application/json");
  ISA_CO_TRY(const auto answer,
             co_await client_.send(at_.endpoint, std::move(request), deadline.tightened(kPatience)));
  if (answer.status != 200) co_return refusal(answer.status);
  sdk::WebHits hits{provider_, {}};
  ISA_CO_TRY(hits.results, adapter_->read(answer.body));
  if (hits.results.size() > static_cast<std::size_t>(what.count))
    hits.results.resize(static_cast<std::size_t>(what.count));
  co_return hits;
}

}  // namespace isa::cloud_os
