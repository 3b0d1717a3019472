#include "sdk/budget.h"

namespace isa::sdk {
namespace {

std::int64_t tokens_of(const Usage& usage) {
  return usage.input_tokens + usage.output_tokens;
}

std::int64_t nanos_of(const Usage& usage) {
  return usage.cost_usd.value_or(Usd()).nanos();
}

bool passes_warning(std::int64_t max, std::int64_t before, std::int64_t after) {
  const auto warning = max - max / 5;
  return before < warning && after >= warning;
}

Event warning(std::string_view limit, std::string content) {
  return {EventType::system, std::move(content), {{"event", "budget.warn"}, {"limit", limit}}};
}

}  // namespace

std::optional<BudgetMet> budget_met(const Budget& budget, const Usage& usage) {
  if (const auto used = tokens_of(usage); budget.max_tokens && used >= *budget.max_tokens)
    return BudgetMet{"max_tokens", fmt::format("limits.max_tokens is {}, and {} tokens were used up",
                                               *budget.max_tokens, used)};
  if (!budget.max_usd) return std::nullopt;
  if (!usage.cost_usd && !usage.is_nothing())
    return BudgetMet{"max_usd",
                     fmt::format("limits.max_usd is {}, and what was spent is not known, because the model's "
                                 "price is not; set it in model.prices",
                                 budget.max_usd->text())};
  const auto spent = usage.cost_usd.value_or(Usd());
  if (spent < *budget.max_usd) return std::nullopt;
  return BudgetMet{"max_usd", fmt::format("limits.max_usd is {}, and {} USD were spent",
                                          budget.max_usd->text(), spent.text())};
}

std::string_view limit_of_refusal(const Error& error) {
  if (error.code() != "budget_exceeded") return {};
  for (const std::string_view limit : {"max_tokens", "max_usd", "max_seconds"})
    if (error.param() == limit) return limit;
  return {};  // Somebody else's: a provider may have budgets of its own.
}

std::vector<Event> budget_warnings(const Budget& budget, const Usage& before, const Usage& after) {
  std::vector<Event> warnings;
  if (budget.max_tokens && passes_warning(*budget.max_tokens, tokens_of(before), tokens_of(after))) {
    auto& event = warnings.emplace_back(
        warning("max_tokens", fmt::format("{} of at most {} tokens are used up (limits.max_tokens).",
                                          tokens_of(after), *budget.max_tokens)));
    event.metadata["max"] = *budget.max_tokens;
    event.metadata["used"] = tokens_of(after);
  }
  if (budget.max_usd && passes_warning(budget.max_usd->nanos(), nanos_of(before), nanos_of(after))) {
    auto& event = warnings.emplace_back(
        warning("max_usd", fmt::format("{} of at most {} USD are spent (limits.max_usd).",
                                       after.cost_usd.value_or(Usd()).text(), budget.max_usd->text())));
    event.metadata["max"] = budget.max_usd->number();
    event.metadata["used"] = after.cost_usd.value_or(Usd()).number();
  }
  return warnings;
}

}  // namespace isa::sdk
