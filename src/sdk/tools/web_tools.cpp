#include "base/base64.h"
#include "base/utf8.h"
#include "sdk/tools/families.h"
#include "sdk/web/charset.h"
#include "sdk/web/html_to_markdown.h"
#include "sdk/web_protocol.h"

#include <algorithm>

namespace isa::sdk {
namespace {

constexpr std::chrono::seconds kSearchPatience{30};
constexpr std::chrono::seconds kFetchPatience{60};
constexpr std::chrono::seconds kRenderPatience{10};
constexpr std::int64_t kLengthDefault = 20'000;  // Bytes of text that one call shows.
constexpr std::int64_t kLengthMax = 100'000;

struct SearchArguments {
  std::string query;
  std::optional<std::int64_t> count;
  std::optional<Freshness> freshness;
};
BOOST_DESCRIBE_STRUCT(SearchArguments, (), (query, count, freshness))

class SearchTool final : public TypedTool<SearchArguments> {
 public:
  SearchTool(ToolSpec spec, std::shared_ptr<WebAccess> web)
      : TypedTool(std::move(spec)), web_(std::move(web)) {}
  bool is_read_only() const override { return true; }

 protected:
  Task<Result<ToolOutput>> run(SearchArguments from, ToolContext context) override {
    const auto deadline = context.deadline;
    WebSearch search{std::move(from.query), from.count.value_or(10), from.freshness};
    if (search.query.empty() || search.query.size() > kWebQueryMax)
      co_return validation_error("/query: must have from 1 to {} bytes", kWebQueryMax).with_param("/query");
    if (search.count < 1 || search.count > kWebHitsMax)
      co_return validation_error("/count: must be an integer from 1 to {}", kWebHitsMax).with_param("/count");
    ISA_CO_TRY(const auto hits,
               co_await web_->search(std::move(search), deadline.tightened(kSearchPatience)));
    co_return ToolOutput{.text = json::serialize(json::write(hits))};
  }

 private:
  std::shared_ptr<WebAccess> web_;
};

struct CrawlArguments {
  std::string url;
  std::optional<std::int64_t> offset;
  std::optional<std::int64_t> max_length;
};
BOOST_DESCRIBE_STRUCT(CrawlArguments, (), (url, offset, max_length))

struct Shown {
  std::string title;
  std::string text;
  bool is_cut = false;
};

// Blocks.
Result<Shown> read_page(const WebPage& page, Deadline deadline) {
  const auto content = web_content_of(page.content_type);
  if (content == WebContent::other)
    return validation_error("{} is '{}'; web_crawl shows pages and texts only", page.url,
                            cut_utf8(page.content_type, 100))
        .with_code("content_type_not_supported");
  ISA_TRY(auto body, from_base64(page.body_base64));
  ISA_TRY(auto text, to_utf8(std::move(body), page.content_type));
  if (content == WebContent::text) return Shown{{}, std::move(text), page.is_cut};
  ISA_TRY(const auto url, WebUrl::parse(page.url));
  ISA_TRY(auto markdown, html_to_markdown(text, url, deadline));
  return Shown{std::move(markdown.title), std::move(markdown.text), markdown.is_cut || page.is_cut};
}

// No part of a character at its front.
std::size_t at_character(std::string_view text, std::size_t offset) {
  while (offset < text.size() && (static_cast<unsigned char>(text[offset]) & 0xC0) == 0x80) ++offset;
  return std::min(offset, text.size());
}

ToolOutput page_output(const WebPage& page, const Shown& shown, std::size_t offset, std::size_t length) {
  ToolOutput output{.text = fmt::format("URL: {}\n", page.url)};
  if (page.status != 200) output.text += fmt::format("Status: {}\n", page.status);
  if (!shown.title.empty()) output.text += fmt::format("Title: {}\n", shown.title);
  const auto begin = at_character(shown.text, offset);
  const auto part = cut_utf8(std::string_view(shown.text).substr(begin), length);
  const auto end = begin + part.size();
  output.text += '\n';
  if (begin > 0) output.text += fmt::format("[... from byte {} ...]\n", begin);
  output.text += shown.text.empty() ? std::string_view("(The page shows no text.)") : part;
  if (end < shown.text.size()) {
    output.text +=
        fmt::format("\n[... cut at byte {} of {}; go on with offset {} ...]", end, shown.text.size(), end);
  } else if (shown.is_cut) {
    output.text += "\n[... the page is longer than this tool reads ...]";
  }
  output.truncated = end < shown.text.size() || shown.is_cut;
  output.is_error = page.status >= 400;
  return output;
}

class CrawlTool final : public TypedTool<CrawlArguments> {
 public:
  CrawlTool(ToolSpec spec, std::shared_ptr<FileWork> work, std::shared_ptr<WebAccess> web)
      : TypedTool(std::move(spec)), work_(std::move(work)), web_(std::move(web)) {}
  bool is_read_only() const override { return true; }

 protected:
  Task<Result<ToolOutput>> run(CrawlArguments from, ToolContext context) override {
    const auto deadline = context.deadline;
    const auto offset = from.offset.value_or(0);
    const auto length = from.max_length.value_or(kLengthDefault);
    if (offset < 0) co_return validation_error("/offset: must not be negative").with_param("/offset");
    if (length < 100 || length > kLengthMax)
      co_return validation_error("/max_length: must be an integer from 100 to {}", kLengthMax)
          .with_param("/max_length");
    ISA_CO_TRY(auto url, WebUrl::parse(from.url));
    WebFetch wanted{std::move(url.text)};
    ISA_CO_TRY(auto fetched, co_await web_->fetch(std::move(wanted), deadline.tightened(kFetchPatience)));
    // A call that is cancelled leaves the work to itself.
    const auto page = std::make_shared<const WebPage>(std::move(fetched));
    auto read = [page, until = deadline.tightened(kRenderPatience)] { return read_page(*page, until); };
    ISA_CO_TRY(const auto shown, co_await offload<Shown>(work_->pool(), std::move(read)));
    if (offset > 0 && static_cast<std::size_t>(offset) >= shown.text.size())
      co_return validation_error("/offset: the text of the page ends at byte {}", shown.text.size())
          .with_param("/offset");
    co_return page_output(*page, shown, static_cast<std::size_t>(offset), static_cast<std::size_t>(length));
  }

 private:
  std::shared_ptr<FileWork> work_;
  std::shared_ptr<WebAccess> web_;
};

}  // namespace

void add_web_tools(Tools& to, const std::shared_ptr<FileWork>& work, std::shared_ptr<WebAccess> web) {
  to.push_back(std::make_shared<SearchTool>(
      make_tool_spec("web_search", "Searches the web and returns titles, URLs and passages.", R"({
        "type": "object", "additionalProperties": false, "required": ["query"],
        "properties": {
          "query": {"type": "string", "maxLength": 400},
          "count": {"type": "integer", "minimum": 1, "maximum": 20, "default": 10},
          "freshness": {"enum": ["day", "week", "month", "year"], "description": "No older than that"}}})"),
      web));
  to.push_back(std::make_shared<CrawlTool>(
      make_tool_spec(
          "web_crawl",
          "Fetches a page of the web and returns its main content as Markdown; texts and JSON as they are. "
          "Only hosts on this agent's allow-list are reached.",
          R"({
        "type": "object", "additionalProperties": false, "required": ["url"],
        "properties": {
          "url": {"type": "string", "description": "https:// or http://"},
          "offset": {"type": "integer", "minimum": 0, "default": 0,
                     "description": "Of the text, in bytes: where an earlier call was cut"},
          "max_length": {"type": "integer", "minimum": 100, "maximum": 100000, "default": 20000,
                         "description": "Bytes of text to return"}}})"),
      work, std::move(web)));
}

}  // namespace isa::sdk
