// What models cost.
#pragma once

#include "sdk/chat.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace isa::model {

// US dollars per million tokens, in whole millionths of a dollar: so many picodollars for one token.
struct Price {
  std::int64_t input = 0;
  std::int64_t output = 0;
  std::optional<std::int64_t> cached_input;  // Read from the provider's cache; without it as `input`,
  std::optional<std::int64_t> cache_write;   // as this one.

  bool operator==(const Price&) const = default;
};

// "input=2.5 output=10 cached_input=1.25 cache_write=0": input and output are required.
Result<Price> parse_price(std::string_view text);
json::object to_json(const Price& price);  // The same fields, as numbers.

// Rounded up to a billionth of a dollar, once for all tokens together.
Usd cost_of(const Price& price, const sdk::Usage& usage);

// What the settings say (model.prices): "provider/model input=... output=...", with commas between the
// models. A name may end with * and stands then for all that begin so; the longest name wins.
class PriceList {
 public:
  static Result<PriceList> parse(std::string_view text);
  std::optional<Price> find(std::string_view model_id) const;
  std::string text() const;

 private:
  std::map<std::string, Price, std::less<>> prices_;
};

// For config::setting.
Result<void> assign(PriceList& to, std::string_view from);
std::string show(const PriceList& list);

// A model as the list of models shows it.
struct ListedModel {
  std::string id;
  std::optional<Price> price;
};

}  // namespace isa::model
