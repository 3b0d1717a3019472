#pragma once

#include <span>
#include <string_view>

namespace isa::model {

struct ListPrice {
  std::string_view model_id;
  std::string_view price;  // As parse_price() reads it.
};

// What well-known models cost by the public price lists of their makers, who change them: the settings win.
std::span<const ListPrice> list_prices();

}  // namespace isa::model
