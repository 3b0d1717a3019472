// Reading a request in plain words: what is quoted, where one step ends, which word comes next.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isa::model::demo {

// A quoted part: 'x', "x", `x`, or a fenced block of code.
struct Quote {
  std::size_t begin = 0, end = 0;  // With its marks.
  std::string inner;
  bool is_fenced = false;
};
std::vector<Quote> find_quotes(std::string_view text);

// The steps of a request: numbered lines, sentences, and what "then", "and then", ";" or "and" before a verb
// that the demo model knows separate. Nothing that is quoted is split.
std::vector<std::string> split_steps(std::string_view text);

bool is_action_verb(std::string_view word);
std::string to_lower(std::string_view text);
std::string_view trim(std::string_view text);

// Eats a phrase from its front; words compare without regard to case.
class Words {
 public:
  explicit Words(std::string_view text) : rest_(trim(text)) {}

  bool eat(std::string_view phrase);                              // "the contents of"
  bool eat_any(std::initializer_list<std::string_view> phrases);  // The first that matches.
  void skip(std::initializer_list<std::string_view> phrases);     // All that match, in any order.
  std::optional<std::string> eat_quote();
  // A quoted name, or a word that looks like the path of a file: with a dot or a slash in it. With `any_word`
  // every word does, since it was announced as a file.
  std::optional<std::string> eat_path(bool any_word = false);
  std::string_view rest() const { return rest_; }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace isa::model::demo
