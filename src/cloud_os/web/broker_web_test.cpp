// web_search and web_crawl at the broker: providers that answer as they document it, and hostile pages.
#include "base/base64.h"
#include "cloud_os/egress/test_stage.h"

namespace isa::cloud_os::testing {
namespace {

using net::Method;

// A server outside that answers with what a test says, and keeps what it was asked.
class Outside {
 public:
  explicit Outside(const asio::any_io_executor& executor) : server_(executor, routes(), {.name = "outside"}) {
    port_ = server_.listen(net::Endpoint::tcp("127.0.0.1", 0)).value().port;
  }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  std::string place() const { return fmt::format("127.0.0.1:{}", port_); }
  Task<void> stop() { return server_.stop(); }

  net::Response answer;
  std::map<std::string, net::Response> at;  // By path, before `answer`.
  std::vector<net::Request> asked;

 private:
  net::Router routes() {
    const auto handler = [this](net::Request& request) -> Task<Result<net::Response>> {
      const auto found = at.find(request.path);
      auto response = found == at.end() ? answer : found->second;
      asked.push_back(std::move(request));
      co_return response;
    };
    net::RouteOptions open;
    open.is_public = true;
    return net::Router(
        {{Method::get, "/{path...}", handler, open}, {Method::post, "/{path...}", handler, open}});
  }
  net::Server server_;
  std::uint16_t port_ = 0;
};

Task<net::ClientResponse> post(Stage& stage, std::string path, json::object body) {
  net::Client client;
  net::ClientRequest request;
  request.method = Method::post;
  request.target = std::move(path);
  request.body = json::serialize(body);
  auto answer = co_await client.send(net::Endpoint::unix_socket(stage.socket()), std::move(request), soon());
  if (!answer) throw std::runtime_error(answer.error().message());
  co_return std::move(*answer);
}
Task<net::ClientResponse> search(Stage& stage, std::string query, json::object more = {}) {
  more["query"] = std::move(query);
  more.emplace("count", 5);
  return post(stage, "/web/search", std::move(more));
}
Task<net::ClientResponse> fetch(Stage& stage, std::string url) {
  json::object body{{"url", std::move(url)}};
  return post(stage, "/web/fetch", std::move(body));
}
std::string page_text(const net::ClientResponse& answer) {
  const auto page = json::parse_as<sdk::WebPage>(answer.body);
  return page ? from_base64(page->body_base64).value_or("?") : answer.body;
}

Task<void> use_provider(Stage& stage, std::string name, std::string url, std::string key) {
  stage.settings.web_search_provider = std::move(name);
  stage.settings.web_search_url = std::move(url);
  stage.settings.web_search_api_key = std::move(key);
  co_await stage.reopen();
  stage.allow({});
}

const std::string kKey = "key-of-the-operator";

TEST(BrokerSearch, SaysWhichSettingIsMissingWhenThereIsNoProvider) {
  on_stage([](Stage& stage) -> Task<void> {
    EXPECT_EQ((co_await search(stage, "x")).status, 403);  // Not bound.
    stage.allow({});
    const auto answer = co_await search(stage, "x");
    EXPECT_EQ(answer.status, 424);
    EXPECT_TRUE(answer.body.contains("cloud_os.web_search.provider")) << answer.body;
    const auto trail = co_await stage.trail();
    EXPECT_EQ(trail.at(0).reason, "web_search_not_configured");
    EXPECT_EQ(trail.at(0).kind, store::AuditKind::search);
  });
}

TEST(BrokerSearch, AsksSearxngAsItsDocumentationSays) {
  on_stage([](Stage& stage) -> Task<void> {
    Outside outside(co_await asio::this_coro::executor);
    co_await use_provider(stage, "searxng", outside.url() + "/sx", "");
    outside.answer = net::Response::text(200, "application/json", R"({"query": "a b", "number_of_results": 0,
      "results": [{"url": "https://docs.test/x", "title": "The  docs", "content": "All\nabout it", "publishedDate": null,
        "engine": "duckduckgo", "parsed_url": ["https", "docs.test", "/x", "", "", ""], "template": "default.html",
        "engines": ["duckduckgo"], "positions": [1], "score": 1.0, "category": "general"},
       {"url": "magnet:?x", "title": "no address of the web", "content": ""},
       {"url": "https://news.test/", "title": "News", "content": "", "publishedDate": "2026-03-01T00:00:00"}],
      "answers": [], "corrections": [], "infoboxes": [], "suggestions": [], "unresponsive_engines": []})");

    const auto answer = co_await search(stage, "a b&c", {{"freshness", "day"}});

    EXPECT_EQ(answer.body,
              R"({"provider":"searxng","results":[{"title":"The docs","url":"https://docs.test/x",)"
              R"("snippet":"All about it"},{"title":"News","url":"https://news.test/","snippet":"",)"
              R"("published":"2026-03-01T00:00:00"}]})");
    EXPECT_EQ(outside.asked.at(0).target, "/sx/search?q=a%20b%26c&format=json&time_range=day");
    outside.answer.status = 403;
    const auto refused = co_await search(stage, "x");
    EXPECT_TRUE(refused.body.contains("search.formats")) << refused.body;
    co_await outside.stop();
  });
}

TEST(BrokerSearch, AsksBraveAsItsDocumentationSays) {
  on_stage([](Stage& stage) -> Task<void> {
    Outside outside(co_await asio::this_coro::executor);
    co_await use_provider(stage, "brave", outside.url(), kKey);
    outside.answer = net::Response::text(200, "application/json", R"({"type": "search",
      "query": {"original": "isa", "more_results_available": true},
      "web": {"type": "search", "family_friendly": true, "results": [
        {"title": "One", "url": "https://one.test/", "is_source_local": false, "language": "en",
         "description": "First.", "page_age": "2026-01-02T03:04:05", "age": "January 2, 2026",
         "profile": {"name": "One", "url": "https://one.test/"}, "meta_url": {"hostname": "one.test"}},
        {"title": "Two", "url": "https://two.test/", "description": "Second."}]}})");

    const auto answer = co_await search(stage, "isa", {{"count", 1}, {"freshness", "month"}});

    EXPECT_EQ(answer.body, R"({"provider":"brave","results":[{"title":"One","url":"https://one.test/",)"
                           R"("snippet":"First.","published":"2026-01-02T03:04:05"}]})");
    const auto& asked = outside.asked.at(0);
    EXPECT_EQ(asked.target, "/res/v1/web/search?q=isa&count=1&text_decorations=false&freshness=pm");
    EXPECT_EQ(asked.headers.get("X-Subscription-Token"), kKey);
    EXPECT_EQ(asked.headers.get("Accept"), "application/json");
    outside.answer = net::Response::text(200, "application/json", R"({"type": "search", "query": {}})");
    EXPECT_TRUE((co_await search(stage, "nothing")).body.contains(R"("results":[])"));
    co_await outside.stop();
  });
}

TEST(BrokerSearch, AsksTavilyAsItsDocumentationSays) {
  on_stage([](Stage& stage) -> Task<void> {
    Outside outside(co_await asio::this_coro::executor);
    co_await use_provider(stage, "tavily", outside.url(), kKey);
    outside.answer =
        net::Response::text(200, "application/json", R"({"query": "isa", "answer": null, "images": [],
      "follow_up_questions": null, "response_time": 1.67, "request_id": "r",
      "results": [{"title": "One", "url": "https://one.test/", "content": "Text.", "score": 0.81, "raw_content": null}]})");

    const auto answer = co_await search(stage, "isa", {{"freshness", "year"}});

    EXPECT_EQ(
        answer.body,
        R"({"provider":"tavily","results":[{"title":"One","url":"https://one.test/","snippet":"Text."}]})");
    const auto& asked = outside.asked.at(0);
    EXPECT_EQ(asked.path, "/search");
    EXPECT_EQ(asked.headers.get("Authorization"), "Bearer " + kKey);
    EXPECT_EQ(asked.body, R"({"query":"isa","max_results":5,"search_depth":"basic","time_range":"year"})");
    co_await outside.stop();
  });
}

TEST(BrokerSearch, ShowsNoKeyWhateverTheProviderDoes) {
  on_stage([](Stage& stage) -> Task<void> {
    Outside outside(co_await asio::this_coro::executor);
    co_await use_provider(stage, "brave", outside.url(), kKey);
    for (const auto& [status, body] :
         std::vector<std::pair<int, std::string>>{{401, "bad key " + kKey},
                                                  {403, kKey},
                                                  {422, kKey},
                                                  {429, kKey},
                                                  {500, kKey},
                                                  {302, ""},
                                                  {200, kKey},
                                                  {200, R"({"web": {"results": 7}})"},
                                                  {200, std::string(3 << 20, ' ')}}) {
      outside.answer = net::Response::text(status, "application/json", body);
      const auto answer = co_await search(stage, "x");
      EXPECT_GE(answer.status, 400) << status;
      EXPECT_FALSE(answer.body.contains(kKey)) << answer.body;
    }
    for (const auto& entry : co_await stage.trail()) EXPECT_EQ(entry.verdict, store::AuditVerdict::failed);
    co_await outside.stop();
  });
}

TEST(BrokerSearch, ASandboxMakesSoManyInAMinute) {
  on_stage([](Stage& stage) -> Task<void> {
    Outside outside(co_await asio::this_coro::executor);
    stage.settings.web_search_per_minute = 2;
    co_await use_provider(stage, "tavily", outside.url(), kKey);
    outside.answer = net::Response::text(200, "application/json", R"({"results": []})");
    EXPECT_EQ((co_await search(stage, "1")).status, 200);
    EXPECT_EQ((co_await search(stage, "2")).status, 200);
    const auto third = co_await search(stage, "3");
    EXPECT_EQ(third.status, 429);
    EXPECT_TRUE(third.body.contains("too_many_searches")) << third.body;
    EXPECT_EQ(outside.asked.size(), 2U);
    EXPECT_EQ((co_await stage.trail()).size(), 2U);  // Two alike, and the refusal.
    co_await outside.stop();
  });
}

TEST(BrokerSearch, RefusesSettingsThatCannotWork) {
  on_stage([](Stage& stage) -> Task<void> {
    const auto tls = net::make_tls_connector().value();
    auto wrong = [&](std::string provider, std::string url, std::string key, std::string_view named) {
      Settings settings;
      settings.web_search_provider = std::move(provider);
      settings.web_search_url = std::move(url);
      settings.web_search_api_key = std::move(key);
      const auto made = WebSearcher::make(settings, *tls);
      EXPECT_FALSE(made.has_value());
      if (!made) EXPECT_TRUE(made.error().message().starts_with(named)) << made.error().message();
    };
    wrong("google", "", "", "cloud_os.web_search.provider");
    wrong("brave", "", "", "cloud_os.web_search.api_key");
    wrong("searxng", "", "", "cloud_os.web_search.url");
    wrong("tavily", "nonsense", kKey, "cloud_os.web_search.url");
    stage.allow({});
    EXPECT_EQ((co_await search(stage, "")).status, 422);
    EXPECT_EQ((co_await search(stage, "x", {{"count", 21}})).status, 422);
    EXPECT_EQ((co_await search(stage, "x", {{"more", 1}})).status, 422);
  });
}

TEST(BrokerFetch, GetsAPageByTlsThatIsVerified) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"api.test", "other.test", "plain.test"});
    const auto answer = co_await fetch(stage, "https://api.test/a?b");
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_TRUE(page_text(answer).contains(R"("target":"/a?b")")) << page_text(answer);
    EXPECT_TRUE((co_await fetch(stage, "http://plain.test/")).body.contains(R"("status":200)"));
    // Its certificate is api.test's.
    EXPECT_EQ((co_await fetch(stage, "https://other.test/")).status, 503);
    const auto trail = co_await stage.trail();
    EXPECT_TRUE(std::ranges::any_of(trail, [](const auto& entry) {
      return entry.target == "api.test:443" && entry.verdict == store::AuditVerdict::allowed &&
             entry.bytes_in > 0;
    }));
  });
}

TEST(BrokerFetch, KeepsToTheAllowListAndToAddressesOfTheInternet) {
  on_stage([](Stage& stage) -> Task<void> {
    EXPECT_TRUE((co_await fetch(stage, "https://api.test/")).body.contains("sandbox_not_bound"));
    stage.allow({"plain.test", "inside.test"});
    stage.names->names["inside.test"] = {"169.254.169.254", "10.0.0.1"};
    EXPECT_TRUE((co_await fetch(stage, "https://api.test/")).body.contains("egress_not_allowed"));
    EXPECT_TRUE((co_await fetch(stage, "http://plain.test:8080/")).body.contains("egress_not_allowed"));
    EXPECT_TRUE((co_await fetch(stage, "http://inside.test/")).body.contains("address_not_allowed"));
    for (const std::string url :
         {"http://127.0.0.1/", "http://[::1]/", "http://2130706433/", "http://localhost/"})
      EXPECT_TRUE((co_await fetch(stage, url)).body.contains("bad_host")) << url;
    for (const std::string url : {"file:///etc/passwd", "http://u:p@plain.test/", "plain.test", ""})
      EXPECT_TRUE((co_await fetch(stage, url)).body.contains("bad_url")) << url;
  });
}

TEST(BrokerFetch, ChecksEveryHopOfARedirect) {
  on_stage([](Stage& stage) -> Task<void> {
    Outside outside(co_await asio::this_coro::executor);
    stage.settings.egress_hosts.push_back("hop.test=" + outside.place());
    co_await stage.reopen();
    stage.allow({"hop.test", "plain.test", "api.test"});
    const auto to = [](std::string location) {
      net::Response response;
      response.status = 302;
      response.headers.set("Location", std::move(location));
      return response;
    };
    outside.at["/good"] = to("next?x=1");
    outside.at["/next"] = net::Response::text(200, "text/plain", "arrived");
    outside.at["/forbidden"] = to("https://evil.test/");
    outside.at["/inside"] = to("http://127.0.0.1:1/");
    outside.at["/scheme"] = to("file:///etc/passwd");
    outside.at["/loop"] = to("/loop");

    const auto good = co_await fetch(stage, "http://hop.test/good");
    EXPECT_EQ(page_text(good), "arrived");
    EXPECT_TRUE(good.body.contains(R"("url":"http://hop.test/next?x=1")")) << good.body;
    EXPECT_TRUE((co_await fetch(stage, "http://hop.test/forbidden")).body.contains("egress_not_allowed"));
    EXPECT_TRUE((co_await fetch(stage, "http://hop.test/inside")).body.contains("bad_host"));
    EXPECT_TRUE((co_await fetch(stage, "http://hop.test/scheme")).body.contains("bad_url"));
    EXPECT_TRUE((co_await fetch(stage, "http://hop.test/loop")).body.contains("too_many_redirects"));
    // The server behind it redirects to an address.
    EXPECT_EQ((co_await fetch(stage, "https://api.test/redirect")).status, 502);
    co_await outside.stop();
  });
}

TEST(BrokerFetch, TakesSoMuchOfAPageAndNothingThatIsNone) {
  on_stage([](Stage& stage) -> Task<void> {
    Outside outside(co_await asio::this_coro::executor);
    stage.settings.egress_hosts.push_back("page.test=" + outside.place());
    co_await stage.reopen();
    stage.allow({"plain.test", "page.test"});

    const auto big = co_await fetch(stage, "http://plain.test/big");
    EXPECT_EQ(page_text(big).size(), sdk::kWebBodyMax);
    EXPECT_TRUE(big.body.contains(R"("is_cut":true)"));
    outside.answer = net::Response::text(200, "application/pdf", "%PDF");
    EXPECT_TRUE((co_await fetch(stage, "http://page.test/")).body.contains("content_type_not_supported"));
    outside.answer = net::Response::text(200, "text/html", "\x1f\x8b");
    outside.answer.headers.set("Content-Encoding", "gzip");
    EXPECT_TRUE((co_await fetch(stage, "http://page.test/")).body.contains("answer_encoded"));
    outside.answer = net::Response::text(404, "text/html", "gone");
    EXPECT_EQ(page_text(co_await fetch(stage, "http://page.test/")), "gone");
    std::map<std::string, store::AuditVerdict> reasons;
    for (const auto& entry : co_await stage.trail()) reasons[entry.reason] = entry.verdict;
    EXPECT_EQ(reasons.at("answer_cut"), store::AuditVerdict::allowed);
    EXPECT_EQ(reasons.at("not_read"), store::AuditVerdict::allowed);
    co_await outside.stop();
  });
}

}  // namespace
}  // namespace isa::cloud_os::testing
