#include "base/base64.h"
#include "base/testing.h"
#include "sdk/tool.h"
#include "sdk/tools/process_table.h"
#include "sdk/tools/shell_table.h"
#include "sdk/web_protocol.h"

#include <gtest/gtest.h>

namespace isa::sdk {
namespace {

// A broker that says what a test wants.
struct Web final : WebAccess {
  std::vector<WebSearch> searches;
  std::vector<std::string> fetched;
  WebPage page{"https://a.test/x/page", 200, "text/html", {}, false};
  std::optional<Error> failure;

  Task<Result<WebHits>> search(WebSearch what, Deadline) override {
    searches.push_back(std::move(what));
    if (failure) co_return Failure(Error(*failure));
    WebHits hits{"demo", {{"Title", "https://a.test/", "text", "yesterday"}}};
    co_return hits;
  }
  Task<Result<WebPage>> fetch(WebFetch what, Deadline) override {
    fetched.push_back(std::move(what.url));
    if (failure) co_return Failure(Error(*failure));
    co_return page;
  }
};

struct WebTools : ::testing::Test {
  isa::testing::TempFolder folder;
  std::shared_ptr<Web> web = std::make_shared<Web>();
  ToolBox box = make_box();

  ToolBox make_box() {
    WorkspaceOptions options;
    options.path = folder.path();
    options.web = web;
    return ToolBox(workspace_tools(std::move(options)).value(), known_tool_names());
  }
  ToolOutput call(std::string tool, json::object arguments) {
    const auto part = Part::make_tool_call("1", std::move(tool), json::serialize(arguments));
    return isa::testing::run(box.call(part, Deadline::after(std::chrono::seconds(30))));
  }
  ToolOutput crawl(std::string_view body, std::string type = "text/html; charset=utf-8",
                   json::object more = {}) {
    web->page.body_base64 = to_base64(body);
    web->page.content_type = std::move(type);
    more["url"] = "https://a.test/x/page#part";
    return call("web_crawl", std::move(more));
  }
};

TEST_F(WebTools, SearchGivesWhatTheBrokerFound) {
  const auto output = call("web_search", {{"query", "isa"}, {"count", 3}, {"freshness", "week"}});

  EXPECT_EQ(output.text, R"({"provider":"demo","results":[{"title":"Title","url":"https://a.test/",)"
                         R"("snippet":"text","published":"yesterday"}]})");
  EXPECT_EQ(web->searches.at(0).count, 3);
  EXPECT_EQ(web->searches.at(0).freshness, Freshness::week);
  EXPECT_TRUE(call("web_search", {{"query", ""}}).is_error);
  EXPECT_TRUE(call("web_search", {{"query", "x"}, {"count", 21}}).is_error);
  EXPECT_TRUE(call("web_search", {{"query", "x"}, {"freshness", "hour"}}).is_error);
  EXPECT_EQ(web->searches.size(), 1U);
}

TEST_F(WebTools, AnErrorOfTheBrokerIsTheTools) {
  web->failure = insufficient_permissions("a.test:443 is not on the allow-list of this sandbox");
  const auto output = crawl("x");
  EXPECT_TRUE(output.is_error);
  EXPECT_EQ(output.text, "a.test:443 is not on the allow-list of this sandbox");
}

TEST_F(WebTools, CrawlShowsAPageAsMarkdownWithItsTitle) {
  const auto output = crawl("<title>A page</title><h1>Head</h1><p>See <a href='../y?z'>there</a>.");
  EXPECT_FALSE(output.is_error) << output.text;
  EXPECT_EQ(output.text,
            "URL: https://a.test/x/page\nTitle: A page\n\n# Head\n\nSee [there](https://a.test/y?z).");
  EXPECT_EQ(web->fetched.at(0), "https://a.test/x/page");
}

TEST_F(WebTools, CrawlPassesTextsThroughAndRefusesTheRest) {
  EXPECT_EQ(crawl(R"({"a": 1})", "application/json").text, "URL: https://a.test/x/page\n\n{\"a\": 1}");
  EXPECT_EQ(crawl("# <b>", "text/markdown").text, "URL: https://a.test/x/page\n\n# <b>");
  for (const std::string type :
       {"image/png", "application/pdf", "", "application/octet-stream", "image/svg+xml"}) {
    const auto output = crawl("x", type);
    EXPECT_TRUE(output.is_error) << type;
    EXPECT_NE(output.text.find("pages and texts only"), std::string::npos) << output.text;
  }
}

TEST_F(WebTools, CrawlShowsALongTextInPartsThatFitTogether) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "äöü" + std::to_string(i) + "\n";
  std::string together;
  json::object more{{"max_length", 501}};
  for (int part = 0; part < 20; ++part) {
    const auto output = crawl(text, "text/plain; charset=utf-8", more);
    ASSERT_FALSE(output.is_error) << output.text;
    auto shown = output.text.substr(output.text.find("\n\n") + 2);
    if (shown.starts_with("[... from byte")) shown = shown.substr(shown.find('\n') + 1);
    const auto mark = shown.find("\n[... cut at byte ");
    together += shown.substr(0, mark);
    EXPECT_EQ(output.truncated, mark != std::string::npos);
    if (mark == std::string::npos) break;
    const auto next = shown.find("offset ", mark) + 7;
    more["offset"] = std::atoi(shown.c_str() + next);
  }
  EXPECT_EQ(together, text);
  EXPECT_TRUE(crawl(text, "text/plain", {{"offset", 100'000}}).is_error);
  EXPECT_TRUE(crawl(text, "text/plain", {{"offset", -1}}).is_error);
  EXPECT_TRUE(crawl(text, "text/plain", {{"max_length", 1}}).is_error);
}

TEST_F(WebTools, CrawlReadsTheEncodingsOfOldPages) {
  EXPECT_NE(crawl("caf\xE9 \x93q\x94", "text/plain; charset=ISO-8859-1").text.find("café “q”"),
            std::string::npos);
  EXPECT_NE(crawl("<meta charset='windows-1252'><p>caf\xE9", "text/html").text.find("café"),
            std::string::npos);
  EXPECT_NE(crawl("caf\xC3\xA9", "text/plain").text.find("café"), std::string::npos);
  EXPECT_NE(crawl("x", "text/plain; charset=shift_jis").text.find("'shift_jis'"), std::string::npos);
}

TEST_F(WebTools, CrawlSaysWhatTheServerAnsweredWhenItIsNoPage) {
  web->page.status = 404;
  const auto output = crawl("<p>Nothing here");
  EXPECT_TRUE(output.is_error);
  EXPECT_NE(output.text.find("Status: 404"), std::string::npos);
  EXPECT_NE(output.text.find("Nothing here"), std::string::npos);
}

TEST_F(WebTools, CrawlTakesUrlsOfTheWebOnly) {
  for (const std::string url :
       {"", "a.test", "ftp://a.test/", "file:///etc/passwd", "https://", "https://u:p@a.test/",
        "javascript:alert(1)", "https://a.test:0/", "https://a.test:99999/"}) {
    const auto output = call("web_crawl", {{"url", url}});
    EXPECT_TRUE(output.is_error) << url;
  }
  EXPECT_TRUE(web->fetched.empty());
}

}  // namespace
}  // namespace isa::sdk
