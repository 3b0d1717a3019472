#include "sdk/web/html_to_markdown.h"

#include <gtest/gtest.h>

namespace isa::sdk {
namespace {

MarkdownPage page_of(std::string_view html) {
  const auto url = WebUrl::parse("https://example.com/docs/page?x=1").value();
  auto page = html_to_markdown(html, url, Deadline::after(std::chrono::seconds(20)));
  EXPECT_TRUE(page.has_value()) << page.error().message();
  return page.value_or(MarkdownPage());
}
std::string text_of(std::string_view html) {
  return page_of(html).text;
}

TEST(HtmlToMarkdown, KeepsTheStructureOfAText) {
  EXPECT_EQ(
      text_of("<h1>One</h1><p>Some  <b>bold</b> and\n<em>soft</em> text.<br>Next<h3>Three</h3><hr><p>end"),
      "# One\n\nSome **bold** and *soft* text.\nNext\n\n### Three\n\n---\n\nend");
}

TEST(HtmlToMarkdown, NestsListsAndQuotes) {
  EXPECT_EQ(text_of("<ul><li>a<ul><li>b</li></ul></li><li>c</ul><ol><li>x<li>y</ol><p>z"),
            "- a\n  - b\n- c\n\n1. x\n2. y\n\nz");
  EXPECT_EQ(text_of("<blockquote><p>one<p>two</blockquote>three"), "> one\n>\n> two\n\nthree");
}

TEST(HtmlToMarkdown, KeepsCodeAsItIs) {
  EXPECT_EQ(text_of("<p>Run <code>a  b</code>:<pre><code>if x:\n    y  = 1\n\nend</code></pre>done"),
            "Run `a b`:\n\n```\nif x:\n    y  = 1\n\nend\n```\n\ndone");
}

TEST(HtmlToMarkdown, MakesLinksAndPicturesAbsolute) {
  EXPECT_EQ(
      text_of("<a href='/a b'>x</a> <a href='../c'>y</a> <a href='//d.test/'>z</a> <a href='?q#f'>w</a>"),
      "[x](https://example.com/a%20b) [y](https://example.com/c) [z](https://d.test/) "
      "[w](https://example.com/docs/page?q)");
  EXPECT_EQ(text_of("<base href='https://other.test/v2/'><img src=p.png alt='A picture'><img src=q.png>"),
            "![A picture](https://other.test/v2/p.png)");
  EXPECT_EQ(
      text_of(
          "<a href='javascript:x()'>a</a> <a href='#top'>b</a> <a href='data:,x'>c</a> <a href='/'></a>d"),
      "a b c d");
}

TEST(HtmlToMarkdown, ShowsTablesRowByRow) {
  EXPECT_EQ(text_of("<table><tr><th>Name<th>Size<tr><td>a<td><p>1</p><p>kB</p></table>after"),
            "| Name | Size |\n| --- | --- |\n| a | 1 kB |\n\nafter");
}

TEST(HtmlToMarkdown, DropsWhatNobodyReads) {
  EXPECT_EQ(
      text_of("<head><style>x{}</style></head><script>alert('x')</script><nav>menu</nav><header>top</header>"
              "<p>text<noscript>no</noscript><svg><title>s</title></svg><span hidden>h</span>"
              "<i aria-hidden=true>i</i><template><p>t</template><footer>bottom</footer>"),
      "text");
}

TEST(HtmlToMarkdown, PrefersTheMainContent) {
  const std::string story(300, 'm');
  EXPECT_EQ(text_of("<p>before<main><header>head</header><p>" + story + "</main><p>after"),
            "head\n\n" + story);
  EXPECT_EQ(text_of("<p>before<article>" + story + "</article>after"), story);
  EXPECT_EQ(text_of("<p>before<main>short</main>"), "before\n\nshort");
}

TEST(HtmlToMarkdown, TellsTheTitle) {
  EXPECT_EQ(page_of("<title> A \n title &amp; more </title>x").title, "A title & more");
}

// Gumbo alone takes minutes, or the stack, for each of these.
TEST(HtmlToMarkdown, EndsInTimeOnPagesThatAreBuiltToBeSlow) {
  const auto url = WebUrl::parse("https://example.com/").value();
  const auto repeated = [](std::string_view piece, std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) text += piece;
    return text;
  };
  std::string attributes = "<p ";
  for (int i = 0; i < 200'000; ++i) attributes += "a" + std::to_string(i) + " ";
  for (const auto& html : {repeated("<div>", 2 << 20), repeated("<b><i>", 1 << 20), attributes + ">x",
                           repeated("<blockquote>a", 1 << 20), repeated("<table><td>", 1 << 20),
                           repeated("<a href=x>", 1 << 20), repeated("<ul><li>", 1 << 20)}) {
    const auto begin = Deadline::Clock::now();
    const auto page = html_to_markdown(html, url, Deadline::after(std::chrono::seconds(1)));
    EXPECT_LT(Deadline::Clock::now() - begin, std::chrono::seconds(10)) << html.substr(0, 20);
    if (page) EXPECT_LE(page->text.size(), kMarkdownMax);
  }
}

TEST(WebUrl, IsTakenApart) {
  const auto url = WebUrl::parse("HTTPS://Example.com:8443/a b/\xC3\xA4?q=1#frag").value();
  EXPECT_TRUE(url.is_tls);
  EXPECT_EQ(url.port, 8443);
  EXPECT_EQ(url.path, "/a%20b/%C3%A4?q=1");
  EXPECT_EQ(WebUrl::parse("http://a.test")->path, "/");
  EXPECT_EQ(WebUrl::parse("http://a.test?x")->path, "/?x");
  EXPECT_EQ(url.resolve("//b.test/x")->text, "https://b.test/x");
  EXPECT_FALSE(url.resolve("mailto:x@y.test").has_value());
}

}  // namespace
}  // namespace isa::sdk
