#pragma once

#include "model/settings.h"

#include <map>

namespace isa::model {

// The price of any model: that of the settings, or else that of its maker's list, where the provider is the
// maker's own service. What a compatible server calls by the same name may cost anything. builtin/demo costs
// nothing.
class PriceBook {
 public:
  explicit PriceBook(const Settings& settings);
  std::optional<Price> find(std::string_view model_id) const;  // "provider/model"

 private:
  PriceList configured_;
  std::map<std::string, Price, std::less<>> listed_;
};

}  // namespace isa::model
