// One look at a value (evaluate.cpp: scalars; evaluate_parts.cpp: arrays and objects; evaluate_combined.cpp:
// schemas that look at the same value).
#pragma once

#include "sdk/schema/schema.h"

#include <set>

namespace isa::sdk::schema {

// What of a value some schema has looked at: unevaluatedProperties and unevaluatedItems are for the rest.
struct Seen {
  std::set<std::string_view> names;
  std::set<std::size_t> indices;
  std::size_t first_items = 0;
  void add(const Seen& other);
};

class Evaluation {
 public:
  Evaluation(const Schema& schema, std::size_t max);
  Result<std::vector<std::string>> run(const json::value& value) &&;

 private:
  // A value, where it is, and the schema that it shall fit.
  struct Place {
    const json::object& rules;
    const json::value& value;
    const json::Path& path;
    Seen* seen;  // Null when nobody asks.
    const json::value* rule(std::string_view key) const { return rules.if_contains(key); }
  };

  bool fits(const json::value& schema, const json::value& value, const json::Path& at, Seen* seen);
  bool fits_quietly(const json::value& schema, const json::value& value, const json::Path& at, Seen* seen);
  bool fits_all(const Place& at);

  bool any_value(const Place& at);
  bool number(const Place& at);
  bool text(const Place& at);
  bool array(const Place& at);
  bool object(const Place& at);
  bool combined(const Place& at);
  bool conditional(const Place& at);
  bool unevaluated(const Place& at);

  bool items(const Place& at, const json::array& items);
  bool contained(const Place& at, const json::array& items);
  bool unique(const Place& at, const json::array& items);
  bool properties(const Place& at, const json::object& fields);
  bool property_names(const Place& at, const json::object& fields);
  bool required(const Place& at, const json::object& fields, const json::value* names);
  bool dependent(const Place& at, const json::object& fields);
  bool any_of(const Place& at, const json::array& schemas);
  bool one_of(const Place& at, const json::array& schemas);
  bool say_none(const Place& at, const json::array& schemas);
  bool counted(const Place& at, std::string_view most_key, std::string_view least_key, std::size_t count,
               std::string_view what);
  bool matches(std::string_view pattern, std::string_view text);
  std::string canonical_of(const json::value& value);

  // False, always. Text is made only for who listens: a schema may hold much of it.
  bool say(const json::Path& at, std::string what);
  bool say(const json::Path& at, std::string_view what, const json::value& about);
  bool is_heard() const { return quiet_ == 0 && violations_.size() < max_; }
  bool spend(std::size_t work);  // False when there was too much of it.

  const Schema& schema_;
  std::size_t max_;
  std::vector<std::string> violations_;
  std::string problem_;  // Why it cannot be said whether the value fits.
  std::size_t work_ = 0;
  int depth_ = 0;
  int quiet_ = 0;  // A schema that need not fit is looked at.
};

}  // namespace isa::sdk::schema
