#include "cloud_os/web/search_answers.h"

#include "base/utf8.h"
#include "sdk/web/web_url.h"

namespace isa::cloud_os {
namespace {

constexpr std::size_t kTitleMax = 300;     // Bytes.
constexpr std::size_t kSnippetMax = 1000;  // Bytes.
constexpr std::size_t kDateMax = 60;       // Bytes.

using Text = std::optional<std::string>;

struct SearxngResult {
  using json_ignore_unknown = void;
  Text url, title, content, publishedDate;
};
BOOST_DESCRIBE_STRUCT(SearxngResult, (), (url, title, content, publishedDate))

struct SearxngAnswer {
  using json_ignore_unknown = void;
  std::vector<SearxngResult> results;
};
BOOST_DESCRIBE_STRUCT(SearxngAnswer, (), (results))

struct BraveResult {
  using json_ignore_unknown = void;
  Text url, title, description, page_age, age;
};
BOOST_DESCRIBE_STRUCT(BraveResult, (), (url, title, description, page_age, age))

struct BraveWeb {
  using json_ignore_unknown = void;
  std::vector<BraveResult> results;
};
BOOST_DESCRIBE_STRUCT(BraveWeb, (), (results))

struct BraveAnswer {
  using json_ignore_unknown = void;
  std::optional<BraveWeb> web;  // Missing when nothing was found.
};
BOOST_DESCRIBE_STRUCT(BraveAnswer, (), (web))

struct TavilyResult {
  using json_ignore_unknown = void;
  Text url, title, content, published_date;
};
BOOST_DESCRIBE_STRUCT(TavilyResult, (), (url, title, content, published_date))

struct TavilyAnswer {
  using json_ignore_unknown = void;
  std::vector<TavilyResult> results;
};
BOOST_DESCRIBE_STRUCT(TavilyAnswer, (), (results))

template <class Answer>
Result<Answer> read(std::string_view text, std::string_view provider) {
  auto answer = json::parse_as<Answer>(text);
  if (answer) return answer;
  return upstream_error("{} answered in a form that it does not document", provider)
      .with_code("bad_search_answer")
      .with_detail(answer.error().message());
}

// Blanks of any kind become one.
std::string one_line(const Text& text, std::size_t max) {
  std::string line;
  for (const char c : text.value_or("")) {
    const bool is_blank = static_cast<unsigned char>(c) <= ' ';
    if (!is_blank)
      line += c;
    else if (!line.empty() && !line.ends_with(' '))
      line += ' ';
  }
  if (line.ends_with(' ')) line.pop_back();
  return to_valid_utf8(std::string(cut_utf8(line, max)));
}

void add(std::vector<sdk::WebHit>& to, const Text& url, const Text& title, const Text& snippet,
         const Text& date) {
  const auto address = sdk::WebUrl::parse(url.value_or(""));
  if (!address) return;
  sdk::WebHit hit{one_line(title, kTitleMax), address->text, one_line(snippet, kSnippetMax), std::nullopt};
  if (date && !date->empty()) hit.published = one_line(date, kDateMax);
  to.push_back(std::move(hit));
}

}  // namespace

Result<std::vector<sdk::WebHit>> read_searxng(std::string_view answer) {
  ISA_TRY(const auto found, read<SearxngAnswer>(answer, "SearXNG"));
  std::vector<sdk::WebHit> hits;
  for (const auto& one : found.results) add(hits, one.url, one.title, one.content, one.publishedDate);
  return hits;
}

Result<std::vector<sdk::WebHit>> read_brave(std::string_view answer) {
  ISA_TRY(const auto found, read<BraveAnswer>(answer, "Brave"));
  std::vector<sdk::WebHit> hits;
  if (!found.web) return hits;
  for (const auto& one : found.web->results)
    add(hits, one.url, one.title, one.description, one.page_age ? one.page_age : one.age);
  return hits;
}

Result<std::vector<sdk::WebHit>> read_tavily(std::string_view answer) {
  ISA_TRY(const auto found, read<TavilyAnswer>(answer, "Tavily"));
  std::vector<sdk::WebHit> hits;
  for (const auto& one : found.results) add(hits, one.url, one.title, one.content, one.published_date);
  return hits;
}

}  // namespace isa::cloud_os
