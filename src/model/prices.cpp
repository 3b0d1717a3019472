#include "model/prices.h"

#include "base/settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace isa::model {
namespace {

constexpr std::int64_t kMicros = 1'000'000;
constexpr std::int64_t kMostDollars = 1'000'000;
constexpr std::size_t kDecimals = 6;
constexpr std::string_view kForm =
    "write it as provider/model input=2.5 output=10, in US dollars per million tokens, and perhaps with "
    "cached_input=1.25 and cache_write=3.125";

bool is_all_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Read as it is written, so that 0.1 is no more and no less than that.
Result<std::int64_t> parse_amount(std::string_view text) {
  const auto dot = text.find('.');
  const auto whole = text.substr(0, dot);
  auto decimals = dot == std::string_view::npos ? std::string() : std::string(text.substr(dot + 1));
  const bool is_number = !whole.empty() && is_all_digits(whole) && is_all_digits(decimals) &&
                         (dot == std::string_view::npos || !decimals.empty());
  if (!is_number) return validation_error("'{}' is no price; it is a number such as 2 or 0.15", text);
  if (decimals.size() > kDecimals) return validation_error("'{}' has more than {} decimals", text, kDecimals);
  decimals.resize(kDecimals, '0');
  std::int64_t dollars = 0;
  std::int64_t micros = 0;
  const auto [end, ec] = std::from_chars(whole.data(), whole.data() + whole.size(), dollars);
  std::from_chars(decimals.data(), decimals.data() + decimals.size(), micros);
  if (ec != std::errc() || dollars >= kMostDollars)
    return validation_error("'{}' is not below {} dollars", text, kMostDollars);
  return dollars * kMicros + micros;
}

std::string amount_text(std::int64_t micros) {
  return Usd::of_nanos(micros * 1000).text();
}

// Of `rest`, which loses it and the space around it.
std::string_view take_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const auto word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  return word;
}

Result<void> check_name(std::string_view name) {
  static constexpr std::array<std::string_view, 3> kProviders{"builtin", "openai", "anthropic"};
  const auto slash = name.find('/');
  if (slash == std::string_view::npos || slash + 1 == name.size())
    return validation_error("'{}' is no model: {}", name, kForm);
  if (std::ranges::find(kProviders, name.substr(0, slash)) == kProviders.end())
    return validation_error("'{}': the part before the slash must be builtin, openai or anthropic", name);
  if (const auto star = name.find('*'); star != std::string_view::npos && star + 1 != name.size())
    return validation_error("'{}': a * may stand at the end only", name);
  return ok();
}

}  // namespace

Result<Price> parse_price(std::string_view text) {
  std::optional<std::int64_t> input, output;
  Price price;
  for (auto word = take_word(text); !word.empty(); word = take_word(text)) {
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    if (equals == std::string_view::npos) return validation_error("'{}' is no price: {}", word, kForm);
    auto* to = name == "input"          ? &input
               : name == "output"       ? &output
               : name == "cached_input" ? &price.cached_input
               : name == "cache_write"  ? &price.cache_write
                                        : nullptr;
    if (!to) return validation_error("'{}' is none of input, output, cached_input and cache_write", name);
    if (*to) return validation_error("{} is said twice", name);
    auto amount = parse_amount(word.substr(equals + 1));
    if (!amount) return validation_error("{}: {}", name, amount.error().message());
    *to = *amount;
  }
  if (!input || !output) return validation_error("{} is missing: {}", input ? "output" : "input", kForm);
  price.input = *input;
  price.output = *output;
  return price;
}

json::object to_json(const Price& price) {
  const auto number = [](std::int64_t micros) {
    return static_cast<double>(micros) / static_cast<double>(kMicros);
  };
  json::object to;
  to["input"] = number(price.input);
  if (price.cached_input) to["cached_input"] = number(*price.cached_input);
  if (price.cache_write) to["cache_write"] = number(*price.cache_write);
  to["output"] = number(price.output);
  return to;
}

Usd cost_of(const Price& price, const sdk::Usage& usage) {
  // Wide enough for any number of tokens at any price.
  using Wide = __int128;
  constexpr Wide kPicosPerNano = 1000;
  const auto cached = std::max<std::int64_t>(usage.cached_input_tokens, 0);
  const auto written = std::max<std::int64_t>(usage.cache_write_tokens, 0);
  const auto rest = std::max<Wide>(Wide{usage.input_tokens} - cached - written, 0);
  const auto output = std::max<std::int64_t>(usage.output_tokens, 0);
  const Wide picos = rest * price.input + Wide{cached} * price.cached_input.value_or(price.input) +
                     Wide{written} * price.cache_write.value_or(price.input) + Wide{output} * price.output;
  const Wide nanos = (picos + kPicosPerNano - 1) / kPicosPerNano;
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  return Usd::of_nanos(nanos > kMost ? kMost : static_cast<std::int64_t>(nanos));
}

Result<PriceList> PriceList::parse(std::string_view text) {
  std::vector<std::string> entries;
  ISA_TRYV(config::assign(entries, text));
  PriceList list;
  for (const auto& entry : entries) {
    std::string_view rest = entry;
    const auto name = take_word(rest);
    ISA_TRYV(check_name(name));
    auto price = parse_price(rest);
    if (!price) return validation_error("{}: {}", name, price.error().message());
    if (!list.prices_.emplace(name, *price).second) return validation_error("{} has two prices", name);
  }
  return list;
}

std::optional<Price> PriceList::find(std::string_view model_id) const {
  if (const auto exact = prices_.find(model_id); exact != prices_.end()) return exact->second;
  const std::pair<const std::string, Price>* best = nullptr;
  for (const auto& entry : prices_) {
    const std::string_view name = entry.first;
    if (!name.ends_with('*') || !model_id.starts_with(name.substr(0, name.size() - 1))) continue;
    if (!best || name.size() > best->first.size()) best = &entry;
  }
  return best ? std::optional(best->second) : std::nullopt;
}

std::string PriceList::text() const {
  std::string text;
  for (const auto& [name, price] : prices_) {
    text += fmt::format("{}{} input={} output={}", text.empty() ? "" : ",", name, amount_text(price.input),
                        amount_text(price.output));
    if (price.cached_input) text += " cached_input=" + amount_text(*price.cached_input);
    if (price.cache_write) text += " cache_write=" + amount_text(*price.cache_write);
  }
  return text;
}

Result<void> assign(PriceList& to, std::string_view from) {
  ISA_TRY(to, PriceList::parse(from));
  return ok();
}

std::string show(const PriceList& list) {
  return list.text();
}

}  // namespace isa::model
