#include "sdk/web/html_to_markdown.h"

#include "base/utf8.h"
#include "sdk/web/html_document.h"
#include "sdk/web/html_walk.h"
#include "sdk/web/markdown_writer.h"

#include <algorithm>
#include <optional>

namespace isa::sdk {
namespace {

constexpr std::size_t kMainMin = 200;  // Bytes of text that make a main content worth the name.
constexpr std::size_t kTitleMax = 300;

bool is_dropped(const GumboNode& node) {
  switch (tag_of(node)) {
    case GUMBO_TAG_HEAD:
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_STYLE:
    case GUMBO_TAG_NOSCRIPT:
    case GUMBO_TAG_TEMPLATE:
    case GUMBO_TAG_SVG:
    case GUMBO_TAG_MATH:
    case GUMBO_TAG_IFRAME:
    case GUMBO_TAG_OBJECT:
    case GUMBO_TAG_CANVAS:
    case GUMBO_TAG_AUDIO:
    case GUMBO_TAG_VIDEO:
    case GUMBO_TAG_BUTTON:
    case GUMBO_TAG_SELECT:
    case GUMBO_TAG_TEXTAREA:
    case GUMBO_TAG_INPUT: return true;
    default: break;
  }
  return has_attribute(node, "hidden") || attribute(node, "aria-hidden") == "true";
}

bool is_around_the_content(const GumboNode& node) {
  switch (tag_of(node)) {
    case GUMBO_TAG_NAV:
    case GUMBO_TAG_HEADER:
    case GUMBO_TAG_FOOTER:
    case GUMBO_TAG_ASIDE: return true;
    default: break;
  }
  const auto role = attribute(node, "role");
  return role == "navigation" || role == "banner" || role == "contentinfo" || role == "complementary";
}

bool is_block(GumboTag tag) {
  switch (tag) {
    case GUMBO_TAG_P:
    case GUMBO_TAG_DIV:
    case GUMBO_TAG_SECTION:
    case GUMBO_TAG_ARTICLE:
    case GUMBO_TAG_MAIN:
    case GUMBO_TAG_HEADER:
    case GUMBO_TAG_FOOTER:
    case GUMBO_TAG_FIGURE:
    case GUMBO_TAG_FIGCAPTION:
    case GUMBO_TAG_FORM:
    case GUMBO_TAG_FIELDSET:
    case GUMBO_TAG_DETAILS:
    case GUMBO_TAG_SUMMARY:
    case GUMBO_TAG_ADDRESS:
    case GUMBO_TAG_DL:
    case GUMBO_TAG_TABLE:
    case GUMBO_TAG_BODY: return true;
    default: return false;
  }
}

// What stands on both sides of such an element.
std::string_view mark_around(GumboTag tag) {
  switch (tag) {
    case GUMBO_TAG_CODE: return "`";
    case GUMBO_TAG_STRONG:
    case GUMBO_TAG_B: return "**";
    case GUMBO_TAG_EM:
    case GUMBO_TAG_I: return "*";
    default: return {};
  }
}

int heading_level(GumboTag tag) {
  return tag >= GUMBO_TAG_H1 && tag <= GUMBO_TAG_H6 ? static_cast<int>(tag) - GUMBO_TAG_H1 + 1 : 0;
}

// One pass over the part of the tree that is shown.
class Renderer {
 public:
  Renderer(const WebUrl& base, bool drops_surroundings)
      : base_(base), drops_surroundings_(drops_surroundings), out_(kMarkdownMax) {}

  void render(const GumboNode& root) {
    walk(
        root, [&](const GumboNode& node) { return enter(node, &node == &root); },
        [&](const GumboNode& node) { leave(node); });
  }
  bool is_full() const { return out_.is_full(); }
  std::string take() { return out_.take(); }

 private:
  struct Link {
    std::string target;  // Empty: its text alone.
    std::size_t begin;
  };
  struct List {
    bool is_ordered;
    int next = 1;
  };
  struct Table {
    std::size_t cells = 0;  // Of the row so far.
    bool has_head = false;
  };

  bool enter(const GumboNode& node, bool is_root);
  void enter_structure(GumboTag tag);
  void leave(const GumboNode& node);
  void enter_item();
  void enter_link(const GumboNode& node);
  void leave_link();
  void leave_row();
  void picture(const GumboNode& node);
  std::string absolute(std::string_view reference) const;
  bool is_in_table() const { return tables_.size() == 1; }  // A table in a table is only text.

  const WebUrl& base_;
  bool drops_surroundings_;
  MarkdownWriter out_;
  std::vector<Link> links_;
  std::vector<List> lists_;
  std::vector<Table> tables_;
  int code_depth_ = 0;  // Of pre.
};

std::string Renderer::absolute(std::string_view reference) const {
  if (reference.empty() || reference.front() == '#') return {};
  auto url = base_.resolve(reference);
  return url ? std::move(url->text) : std::string();
}

bool Renderer::enter(const GumboNode& node, bool is_root) {
  if (out_.is_full()) return false;
  if (is_text(node)) {
    const std::string_view text = node.v.text.text;
    code_depth_ > 0 ? out_.verbatim(text) : out_.text(text);
    return false;
  }
  if (!is_element(node) || is_dropped(node)) return false;
  if (!is_root && drops_surroundings_ && is_around_the_content(node)) return false;
  const auto tag = tag_of(node);
  if (const int level = heading_level(tag); level > 0) {
    out_.break_block();
    out_.mark(std::string(static_cast<std::size_t>(level), '#') + ' ');
  } else if (is_block(tag)) {
    out_.break_block();
  } else if (code_depth_ == 0) {
    if (const auto mark = mark_around(tag); !mark.empty()) out_.mark(mark);
  }
  if (tag == GUMBO_TAG_A) enter_link(node);
  if (tag == GUMBO_TAG_IMG) picture(node);
  enter_structure(tag);
  return true;
}

void Renderer::enter_structure(GumboTag tag) {
  switch (tag) {
    case GUMBO_TAG_BR:
    case GUMBO_TAG_DT:
    case GUMBO_TAG_DD: out_.break_line(); break;
    case GUMBO_TAG_HR:
      out_.break_block();
      out_.mark("---");
      out_.break_block();
      break;
    case GUMBO_TAG_UL:
    case GUMBO_TAG_OL:
      lists_.empty() ? out_.break_block() : out_.break_line();
      lists_.push_back({tag == GUMBO_TAG_OL});
      break;
    case GUMBO_TAG_LI: enter_item(); break;
    case GUMBO_TAG_BLOCKQUOTE:
      out_.break_block();
      out_.push_prefix("> ");
      break;
    case GUMBO_TAG_PRE:
      if (code_depth_++ > 0) break;
      out_.break_block();
      out_.mark("```");
      out_.break_line();
      break;
    case GUMBO_TAG_TABLE: tables_.emplace_back(); break;
    case GUMBO_TAG_TR:
      if (!is_in_table()) break;
      out_.hold_breaks(false);
      out_.break_line();
      tables_.back().cells = 0;
      break;
    case GUMBO_TAG_TD:
    case GUMBO_TAG_TH:
      if (!is_in_table()) break;
      out_.mark(tables_.back().cells++ == 0 ? "| " : " | ");
      out_.hold_breaks(true);
      break;
    default: break;
  }
}

void Renderer::enter_item() {
  out_.break_line();
  if (lists_.empty()) lists_.push_back({false});
  auto& list = lists_.back();
  const auto bullet = list.is_ordered ? fmt::format("{}. ", list.next++) : std::string("- ");
  out_.mark(bullet);
  out_.push_prefix(std::string(bullet.size(), ' '));
}

void Renderer::enter_link(const GumboNode& node) {
  auto target = code_depth_ > 0 ? std::string() : absolute(attribute(node, "href"));
  if (!target.empty()) out_.mark("[");
  links_.push_back({std::move(target), out_.size()});
}

void Renderer::leave_link() {
  if (links_.empty()) return;
  const auto link = std::move(links_.back());
  links_.pop_back();
  if (link.target.empty()) return;
  if (out_.since(link.begin).empty())
    out_.rewind(link.begin - 1);  // A link that shows nothing.
  else if (!out_.is_full())
    out_.mark("](" + link.target + ")");
}

void Renderer::picture(const GumboNode& node) {
  const auto description = attribute(node, "alt");
  const auto source = absolute(attribute(node, "src"));
  if (description.find_first_not_of(" \t\r\n") == std::string_view::npos || source.empty()) return;
  out_.mark("![");
  out_.text(description);
  out_.mark("](" + source + ")");
}

void Renderer::leave_row() {
  auto& table = tables_.back();
  if (table.cells == 0) return;
  out_.hold_breaks(false);
  out_.mark(" |");
  if (std::exchange(table.has_head, true)) return;
  out_.break_line();
  std::string rule = "|";
  for (std::size_t i = 0; i < std::min<std::size_t>(table.cells, 100); ++i) rule += " --- |";
  out_.mark(rule);
}

void Renderer::leave(const GumboNode& node) {
  const auto tag = tag_of(node);
  switch (tag) {
    case GUMBO_TAG_UL:
    case GUMBO_TAG_OL:
      if (!lists_.empty()) lists_.pop_back();
      lists_.empty() ? out_.break_block() : out_.break_line();
      break;
    case GUMBO_TAG_LI:
      out_.pop_prefix();
      out_.break_line();
      break;
    case GUMBO_TAG_BLOCKQUOTE:
      out_.pop_prefix();
      out_.break_block();
      break;
    case GUMBO_TAG_PRE:
      if (--code_depth_ > 0) break;
      out_.break_line();
      out_.mark("```");
      out_.break_block();
      break;
    case GUMBO_TAG_A: leave_link(); break;
    case GUMBO_TAG_TD:
    case GUMBO_TAG_TH:
      if (is_in_table()) out_.discard_breaks();
      break;
    case GUMBO_TAG_TR:
      if (is_in_table()) leave_row();
      break;
    case GUMBO_TAG_TABLE:
      tables_.pop_back();
      if (tables_.empty()) out_.hold_breaks(false);
      break;
    default: break;
  }
  if (const auto mark = mark_around(tag); code_depth_ == 0 && !mark.empty()) out_.mark(mark);
  if (heading_level(tag) > 0 || is_block(tag)) out_.break_block();
}

// What the page says of itself.
struct Outline {
  const GumboNode* title = nullptr;
  const GumboNode* base = nullptr;
  const GumboNode* body = nullptr;
  const GumboNode* main = nullptr;
  const GumboNode* article = nullptr;
  std::size_t articles = 0;
};

Outline outline_of(const GumboNode& document) {
  Outline outline;
  const auto first = [](const GumboNode*& place, const GumboNode& node) {
    if (!place) place = &node;
  };
  const auto enter = [&](const GumboNode& node) {
    if (node.type == GUMBO_NODE_DOCUMENT) return true;
    if (!is_element(node)) return false;
    switch (tag_of(node)) {
      case GUMBO_TAG_SVG:
      case GUMBO_TAG_TEMPLATE: return false;
      case GUMBO_TAG_TITLE: first(outline.title, node); break;
      case GUMBO_TAG_BASE: first(outline.base, node); break;
      case GUMBO_TAG_BODY: first(outline.body, node); break;
      case GUMBO_TAG_MAIN: first(outline.main, node); break;
      case GUMBO_TAG_ARTICLE:
        first(outline.article, node);
        ++outline.articles;
        break;
      default:
        if (attribute(node, "role") == "main") first(outline.main, node);
    }
    return true;
  };
  walk(document, enter, [](const GumboNode&) {});
  return outline;
}

std::string text_of(const GumboNode* node, std::size_t max) {
  MarkdownWriter out(max);
  if (node) {
    const auto enter = [&](const GumboNode& at) {
      if (is_text(at)) out.text(at.v.text.text);
      return is_element(at) && !is_dropped(at) && !out.is_full();
    };
    walk(*node, enter, [](const GumboNode&) {});
  }
  return out.take();
}

}  // namespace

Result<MarkdownPage> html_to_markdown(std::string_view html, const WebUrl& from, Deadline deadline) {
  ISA_TRY(const auto document, HtmlDocument::parse(html, deadline));
  const auto outline = outline_of(*document.document());
  MarkdownPage page;
  page.title = to_valid_utf8(std::string(cut_utf8(text_of(outline.title, kTitleMax), kTitleMax)));
  WebUrl base = from;
  if (outline.base) base = from.resolve(attribute(*outline.base, "href")).value_or(from);

  const auto is_worth_it = [](const GumboNode* node) { return text_of(node, kMainMin).size() >= kMainMin; };
  const GumboNode* root = outline.body ? outline.body : document.document();
  bool is_main = true;
  if (is_worth_it(outline.main))
    root = outline.main;
  else if (outline.articles == 1 && is_worth_it(outline.article))
    root = outline.article;
  else
    is_main = false;
  Renderer renderer(base, !is_main);
  renderer.render(*root);
  if (renderer.is_full()) page.is_cut = true;
  page.text = to_valid_utf8(std::string(cut_utf8(renderer.take(), kMarkdownMax)));
  return page;
}

}  // namespace isa::sdk
