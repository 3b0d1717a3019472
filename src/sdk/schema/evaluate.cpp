// Whether a value fits a schema.
#include "sdk/schema/canonical.h"
#include "sdk/schema/evaluation.h"
#include "sdk/schema/format.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace isa::sdk::schema {
namespace {

constexpr std::size_t kWorkMax = 2'000'000;  // Some tenths of a second.
constexpr int kDepthMax = 1'000;  // Of schemas in schemas, $ref included: each is a call of a function.

std::size_t length_of(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool is_whole(const json::value& value) {
  return value.is_int64() || value.is_uint64() ||
         (value.is_double() && value.get_double() == std::floor(value.get_double()));
}

bool has_type(std::string_view type, const json::value& value) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_bool();
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  return value.is_number() && (type == "number" || is_whole(value));
}

// Wide enough for every number that JSON holds here.
long double number_of(const json::value& value) {
  if (value.is_int64()) return static_cast<long double>(value.get_int64());
  if (value.is_uint64()) return static_cast<long double>(value.get_uint64());
  return value.get_double();
}

bool is_multiple(const json::value& value, const json::value& of) {
  if (!value.is_double() && !of.is_double()) return std::fmod(number_of(value), number_of(of)) == 0;
  // 0.0075 is a multiple of 0.0001, although neither is what it seems to be in binary.
  const auto number = static_cast<double>(number_of(value));
  const auto divisor = static_cast<double>(number_of(of));
  const auto quotient = number / divisor;
  if (!std::isfinite(quotient)) return std::fmod(number, divisor) == 0;
  const auto off = std::abs(quotient - std::round(quotient));
  return off <= 4 * std::numeric_limits<double>::epsilon() * std::max(1.0, std::abs(quotient));
}

std::string shown(const json::value& value) {
  constexpr std::size_t kShownMax = 200;
  auto text = json::serialize(value);
  if (text.size() <= kShownMax) return text;
  auto end = kShownMax;
  while ((static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // Not within a character.
  return text.substr(0, end) + "...";
}

}  // namespace

void Seen::add(const Seen& other) {
  names.insert(other.names.begin(), other.names.end());
  indices.insert(other.indices.begin(), other.indices.end());
  first_items = std::max(first_items, other.first_items);
}

Evaluation::Evaluation(const Schema& schema, std::size_t max) : schema_(schema), max_(max) {}

Result<std::vector<std::string>> Evaluation::run(const json::value& value) && {
  const json::Path root;
  if (!fits(*schema_.document_, value, root, nullptr) && violations_.empty()) say(root, "does not fit");
  if (!problem_.empty()) return validation_error("it could not be checked: {}", problem_);
  return std::move(violations_);
}

bool Evaluation::spend(std::size_t work) {
  work_ += work;
  if (work_ > kWorkMax) problem_ = "it takes too much work with this schema; simplify the schema";
  return problem_.empty();
}

bool Evaluation::say(const json::Path& at, std::string_view what, const json::value& about) {
  return is_heard() && say(at, fmt::format("{} {}", what, shown(about)));
}

bool Evaluation::say(const json::Path& at, std::string what) {
  if (is_heard()) {
    auto where = at.pointer();
    violations_.push_back(fmt::format("{}: {}", where.empty() ? "<root>" : where, what));
  }
  return false;
}

bool Evaluation::fits_quietly(const json::value& schema, const json::value& value, const json::Path& at,
                              Seen* seen) {
  ++quiet_;
  const bool good = fits(schema, value, at, seen);
  --quiet_;
  return good;
}

bool Evaluation::fits(const json::value& schema, const json::value& value, const json::Path& at, Seen* seen) {
  if (!spend(1)) return false;
  if (const auto* all = schema.if_bool()) return *all || say(at, "nothing is allowed here");
  if (depth_ >= kDepthMax) problem_ = "the value and its schema nest too deeply";
  if (!problem_.empty()) return false;
  const auto& rules = schema.get_object();
  const bool tracks = seen || rules.contains("unevaluatedProperties") || rules.contains("unevaluatedItems");
  Seen own;
  const Place place{rules, value, at, tracks ? &own : nullptr};
  ++depth_;
  const bool good = fits_all(place);
  --depth_;
  if (good && seen && spend(own.names.size() + own.indices.size())) seen->add(own);
  return good;
}

// Goes on after what does not fit, to say all of it, unless nobody listens.
bool Evaluation::fits_all(const Place& at) {
  bool good = true;
  if (const auto target = schema_.targets_.find(&at.rules); target != schema_.targets_.end()) {
    good = fits(*target->second, at.value, at.path, at.seen);
    if (schema_.draft_ == Draft::seven) return good;  // What stands beside a $ref says nothing there.
  }
  using Check = bool (Evaluation::*)(const Place&);
  for (const Check check :
       {&Evaluation::any_value, &Evaluation::number, &Evaluation::text, &Evaluation::array,
        &Evaluation::object, &Evaluation::combined, &Evaluation::conditional, &Evaluation::unevaluated}) {
    if (!good && !is_heard()) return false;
    good = (this->*check)(at) && good;
  }
  return good;
}

bool Evaluation::any_value(const Place& at) {
  const auto* type = at.rule("type");
  const auto* list = type ? type->if_array() : nullptr;
  const auto is_it = [&](const json::value& name) { return has_type(name.get_string(), at.value); };
  if (type && !(list ? std::ranges::any_of(*list, is_it) : is_it(*type)))
    return say(at.path, "must be of the type", *type);
  if (const auto* options = at.rule("enum")) {
    const auto text = canonical_of(at.value);
    const auto is_same = [&](const json::value& option) { return canonical_of(option) == text; };
    if (!std::ranges::any_of(options->get_array(), is_same)) return say(at.path, "must be one of", *options);
  }
  if (const auto* only = at.rule("const"); only && canonical_of(*only) != canonical_of(at.value))
    return say(at.path, "must be", *only);
  return true;
}

std::string Evaluation::canonical_of(const json::value& value) {
  if (!problem_.empty()) return {};
  auto text = canonical(value);
  spend(text.size() / 16);
  return text;
}

bool Evaluation::number(const Place& at) {
  if (!at.value.is_number()) return true;
  const auto number = number_of(at.value);
  bool good = true;
  if (const auto* of = at.rule("multipleOf"); of && !is_multiple(at.value, *of))
    good = say(at.path, "must be a multiple of", *of);
  if (const auto* most = at.rule("maximum"); most && number > number_of(*most))
    good = say(at.path, "must be at most", *most);
  if (const auto* most = at.rule("exclusiveMaximum"); most && number >= number_of(*most))
    good = say(at.path, "must be less than", *most);
  if (const auto* least = at.rule("minimum"); least && number < number_of(*least))
    good = say(at.path, "must be at least", *least);
  if (const auto* least = at.rule("exclusiveMinimum"); least && number <= number_of(*least))
    good = say(at.path, "must be more than", *least);
  return good;
}

bool Evaluation::counted(const Place& at, std::string_view most_key, std::string_view least_key,
                         std::size_t count, std::string_view what) {
  if (const auto* most = at.rule(most_key); most && static_cast<long double>(count) > number_of(*most))
    return say(at.path, fmt::format("must have at most {} {}", shown(*most), what));
  if (const auto* least = at.rule(least_key); least && static_cast<long double>(count) < number_of(*least))
    return say(at.path, fmt::format("must have at least {} {}", shown(*least), what));
  return true;
}

bool Evaluation::text(const Place& at) {
  const auto* text = at.value.if_string();
  if (!text) return true;
  if (!spend(text->size() / 64)) return false;
  bool good = true;
  if (at.rule("maxLength") || at.rule("minLength"))
    good = counted(at, "maxLength", "minLength", length_of(*text), "characters");
  if (const auto* pattern = at.rule("pattern"); pattern && !matches(pattern->get_string(), *text))
    good = say(at.path, "must match the regular expression", *pattern);
  if (const auto* format = at.rule("format"); format && !has_format(format->get_string(), *text))
    good = say(at.path, "must have the format", *format);
  return good;
}

bool Evaluation::matches(std::string_view pattern, std::string_view text) {
  const auto found = schema_.patterns_.find(pattern);
  if (found == schema_.patterns_.end()) return true;
  const auto& regex = found->second;
  return spend((text.size() + 1) * (1 + regex.size() / 20)) && regex.is_found_in(text);
}

Result<std::vector<std::string>> Schema::check(const json::value& value, std::size_t max) const {
  return Evaluation(*this, max).run(value);
}

}  // namespace isa::sdk::schema
