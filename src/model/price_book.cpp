#include "model/price_book.h"

#include "model/list_prices.h"
#include "net/endpoint.h"

namespace isa::model {
namespace {

bool is_at(const std::string& url, std::string_view host) {
  const auto parsed = net::Url::parse(url);
  return parsed && parsed->endpoint.host == host;
}

}  // namespace

PriceBook::PriceBook(const Settings& settings) : configured_(settings.prices) {
  const bool has_openai = is_at(settings.openai_base_url, "api.openai.com");
  const bool has_anthropic = is_at(settings.anthropic_base_url, "api.anthropic.com");
  for (const auto& listed : list_prices()) {
    if (!(listed.model_id.starts_with("openai/") ? has_openai : has_anthropic)) continue;
    if (auto price = parse_price(listed.price)) listed_.emplace(listed.model_id, *price);
  }
  listed_.emplace("builtin/demo", Price{});
}

std::optional<Price> PriceBook::find(std::string_view model_id) const {
  if (auto price = configured_.find(model_id)) return price;
  const auto listed = listed_.find(model_id);
  return listed == listed_.end() ? std::nullopt : std::optional(listed->second);
}

}  // namespace isa::model
