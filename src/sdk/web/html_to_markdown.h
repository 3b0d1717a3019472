// What a person would read of a page of the web, as Markdown.
#pragma once

#include "base/deadline.h"
#include "sdk/web/web_url.h"

namespace isa::sdk {

struct MarkdownPage {
  std::string title;
  std::string text;     // UTF-8. Links and pictures are absolute.
  bool is_cut = false;  // The page is longer than kMarkdownMax.
};

inline constexpr std::size_t kMarkdownMax = 2 << 20;  // Bytes.

// The main content where the page marks one, else all of its body but navigation, header, footer and asides.
// Scripts, styles, forms' controls and what is hidden are left out. `html` is UTF-8; ill-formed bytes become
// U+FFFD. Blocks until the deadline at most. Errors: those of HtmlDocument.
Result<MarkdownPage> html_to_markdown(std::string_view html, const WebUrl& from, Deadline deadline);

}  // namespace isa::sdk
