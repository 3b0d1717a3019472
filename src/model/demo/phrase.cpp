#include "model/demo/phrase.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace isa::model::demo {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

bool is_space(char c) {
  return kSpace.find(c) != std::string_view::npos;
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Whether what follows a word belongs to it: more letters, or the rest of a path ("a" in "a.txt").
bool continues_word(std::string_view after) {
  if (after.empty()) return false;
  if (is_word(after[0])) return true;
  return std::string_view("./-").find(after[0]) != std::string_view::npos && after.size() > 1 &&
         is_word(after[1]);
}

// The language's name on the opening line of a fence and the fence itself are not content.
std::optional<Quote> fence_at(std::string_view text, std::size_t at) {
  if (text.substr(at, 3) != "```") return std::nullopt;
  const auto line_end = text.find('\n', at);
  if (line_end == std::string_view::npos) return std::nullopt;
  const auto close = text.find("```", line_end);
  if (close == std::string_view::npos) return std::nullopt;
  return Quote{at, close + 3, std::string(text.substr(line_end + 1, close - line_end - 1)), true};
}

std::optional<Quote> quote_at(std::string_view text, std::size_t at) {
  const char mark = text[at];
  if (mark != '\'' && mark != '"' && mark != '`') return std::nullopt;
  if (mark == '\'' && at > 0 && is_word(text[at - 1])) return std::nullopt;  // An apostrophe.
  for (auto close = text.find(mark, at + 1); close != std::string_view::npos;
       close = text.find(mark, close + 1)) {
    if (mark == '\'' && close + 1 < text.size() && is_word(text[close + 1])) continue;
    return Quote{at, close + 1, std::string(text.substr(at + 1, close - at - 1)), false};
  }
  return std::nullopt;
}

// The length of "1. ", "2) ", "- " or "* " at the start of a line, or 0.
std::size_t list_mark(std::string_view line) {
  std::size_t at = 0;
  while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
  std::size_t digits = at;
  while (digits < line.size() && line[digits] >= '0' && line[digits] <= '9') ++digits;
  const bool numbered = digits > at && digits < line.size() && (line[digits] == '.' || line[digits] == ')');
  const bool dashed = digits == at && at < line.size() && (line[at] == '-' || line[at] == '*');
  if (!numbered && !dashed) return 0;
  const auto end = digits + 1;
  return end < line.size() && line[end] == ' ' ? end + 1 : 0;
}

// The same text with everything quoted blotted out, so that separators are looked for in plain words alone.
std::string blotted(std::string_view text) {
  std::string masked = to_lower(text);
  for (const auto& quote : find_quotes(text))
    std::fill(masked.begin() + static_cast<std::ptrdiff_t>(quote.begin),
              masked.begin() + static_cast<std::ptrdiff_t>(quote.end), '\x01');
  return masked;
}

std::string_view first_word(std::string_view text) {
  text = trim(text);
  std::size_t length = 0;
  while (length < text.size() && is_word(text[length])) ++length;
  return text.substr(0, length);
}

// The length of a separator at `at` of the blotted text, or 0.
std::size_t separator(std::string_view masked, std::size_t at) {
  static constexpr std::array<std::string_view, 6> kWords{", and then ", " and then ", ", then ",
                                                          " then ",      ". then ",    ", finally "};
  const auto here = masked.substr(at);
  if (here.front() == ';') return 1;
  for (const auto word : kWords)
    if (here.starts_with(word)) return word.size();
  if ((here.front() == '.' || here.front() == '?' || here.front() == '!') && here.size() > 1 &&
      is_space(here[1]))
    return 1;
  for (const std::string_view word : {", and ", " and "})
    if (here.starts_with(word) && is_action_verb(first_word(here.substr(word.size())))) return word.size();
  return 0;
}

void split_line(std::string_view text, std::vector<std::string>& to) {
  const auto masked = blotted(text);
  std::size_t begin = 0;
  const auto add = [&](std::size_t end) {
    const auto step = trim(text.substr(begin, end - begin));
    if (!step.empty()) to.emplace_back(step);
  };
  for (std::size_t at = 0; at < masked.size();) {
    const auto length = separator(masked, at);
    if (length == 0) {
      ++at;
      continue;
    }
    add(masked[at] == '?' ? at + 1 : at);
    begin = at += length;
  }
  add(text.size());
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string to(text);
  for (char& c : to) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return to;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool is_action_verb(std::string_view word) {
  static constexpr std::array<std::string_view, 19> kVerbs{
      "run",     "execute", "write",  "create", "save",    "read", "show",      "print",   "list", "edit",
      "replace", "change",  "search", "find",   "display", "tell", "calculate", "compute", "say"};
  return std::ranges::find(kVerbs, to_lower(word)) != kVerbs.end();
}

std::vector<Quote> find_quotes(std::string_view text) {
  std::vector<Quote> quotes;
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto quote = fence_at(text, at);
    if (!quote) quote = quote_at(text, at);
    if (!quote) continue;
    at = quote->end - 1;
    quotes.push_back(*std::move(quote));
  }
  return quotes;
}

std::vector<std::string> split_steps(std::string_view text) {
  const auto masked = blotted(text);
  std::vector<std::size_t> begins{0};  // Of the parts that list marks separate.
  std::vector<std::size_t> ends;
  for (std::size_t line = 0; line < masked.size();) {
    const auto mark = list_mark(std::string_view(masked).substr(line));
    if (mark > 0) {
      ends.push_back(line);
      begins.push_back(line + mark);
    }
    const auto next = masked.find('\n', line);
    line = next == std::string::npos ? masked.size() : next + 1;
  }
  ends.push_back(text.size());
  std::vector<std::string> steps;
  for (std::size_t i = 0; i < begins.size(); ++i) {
    const auto part = trim(text.substr(begins[i], ends[i] - begins[i]));
    // What introduces a list ("Do this:") is no step.
    if (part.ends_with(':') && i + 1 < begins.size()) continue;
    split_line(part, steps);
  }
  return steps;
}

bool Words::eat(std::string_view phrase) {
  if (rest_.size() < phrase.size() || to_lower(rest_.substr(0, phrase.size())) != phrase) return false;
  const auto after = rest_.substr(phrase.size());
  if (is_word(phrase.back()) && continues_word(after)) return false;
  rest_ = trim(rest_.substr(phrase.size()));
  return true;
}

bool Words::eat_any(std::initializer_list<std::string_view> phrases) {
  return std::ranges::any_of(phrases, [&](std::string_view phrase) { return eat(phrase); });
}

void Words::skip(std::initializer_list<std::string_view> phrases) {
  while (!rest_.empty() && eat_any(phrases)) {
  }
}

std::optional<std::string> Words::eat_quote() {
  if (rest_.empty()) return std::nullopt;
  auto quote = fence_at(rest_, 0);
  if (!quote) quote = quote_at(rest_, 0);
  if (!quote) return std::nullopt;
  rest_ = trim(rest_.substr(quote->end));
  return std::move(quote->inner);
}

std::optional<std::string> Words::eat_path(bool any_word) {
  if (auto quoted = eat_quote()) return quoted;
  auto word = rest_.substr(0, rest_.find_first_of(kSpace));
  const auto length = word.size();
  while (!word.empty() && std::string_view(".,;:!?").find(word.back()) != std::string_view::npos &&
         word != "." && word != "..")
    word.remove_suffix(1);
  const bool looks_like_one = word.find_first_of("./") != std::string_view::npos;
  if (word.empty() || (!looks_like_one && !any_word)) return std::nullopt;
  rest_ = trim(rest_.substr(length));
  return std::string(word);
}

}  // namespace isa::model::demo
