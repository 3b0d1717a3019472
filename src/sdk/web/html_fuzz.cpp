// A page of the web, as a hostile server sends it: whatever it is, its Markdown is valid text within its
// limit.
#include "base/utf8.h"
#include "sdk/web/charset.h"
#include "sdk/web/html_to_markdown.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isa;
  static const auto url = sdk::WebUrl::parse("https://example.com/a/b?c").value();
  const auto text = sdk::to_utf8({reinterpret_cast<const char*>(data), size}, "text/html");
  if (!text) return 0;
  const auto page = sdk::html_to_markdown(*text, url, Deadline::after(std::chrono::seconds(5)));
  if (!page) return 0;
  if (!is_utf8(page->text) || !is_utf8(page->title)) std::abort();
  if (page->text.size() > sdk::kMarkdownMax) std::abort();
  return 0;
}
