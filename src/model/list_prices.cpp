#include "model/list_prices.h"

#include <array>

namespace isa::model {
namespace {

// Exact names only, since a model of another date or size may cost something else. Nothing whose price
// depends on the length of the prompt, which one price per model cannot say.
constexpr std::array kListPrices{
    // platform.claude.com/docs/en/about-claude/pricing, "Model pricing", and the pages of the single models
    // there;
    // looked up on 2026-11-28. cache_write is that of the five-minute cache.
    ListPrice{"anthropic/claude-fable-5", "input=10 cached_input=1 cache_write=12.5 output=50"},
    ListPrice{"anthropic/claude-opus-5", "input=5 cached_input=0.5 cache_write=6.25 output=25"},
    ListPrice{"anthropic/claude-opus-4-8", "input=5 cached_input=0.5 cache_write=6.25 output=25"},
    ListPrice{"anthropic/claude-opus-4-7", "input=5 cached_input=0.5 cache_write=6.25 output=25"},
    ListPrice{"anthropic/claude-opus-4-6", "input=5 cached_input=0.5 cache_write=6.25 output=25"},
    ListPrice{"anthropic/claude-opus-4-5", "input=5 cached_input=0.5 cache_write=6.25 output=25"},
    ListPrice{"anthropic/claude-opus-4-5-20251101", "input=5 cached_input=0.5 cache_write=6.25 output=25"},
    ListPrice{"anthropic/claude-sonnet-5", "input=2 cached_input=0.2 cache_write=2.5 output=10"},
    ListPrice{"anthropic/claude-sonnet-4-6", "input=3 cached_input=0.3 cache_write=3.75 output=15"},
    ListPrice{"anthropic/claude-haiku-4-5", "input=1 cached_input=0.1 cache_write=1.25 output=5"},
    ListPrice{"anthropic/claude-haiku-4-5-20251001", "input=1 cached_input=0.1 cache_write=1.25 output=5"},
    // developers.openai.com/api/docs/pricing, standard processing, as data/openai.json of
    // github.com/simonw/llm-prices
    // (commit 0838d1a) holds it; looked up on 2026-11-28. OpenAI takes nothing for writing into its cache.
    ListPrice{"openai/gpt-5", "input=1.25 cached_input=0.125 output=10"},
    ListPrice{"openai/gpt-5-mini", "input=0.25 cached_input=0.025 output=2"},
    ListPrice{"openai/gpt-5-nano", "input=0.05 cached_input=0.005 output=0.4"},
    ListPrice{"openai/gpt-4.1", "input=2 cached_input=0.5 output=8"},
    ListPrice{"openai/gpt-4.1-mini", "input=0.4 cached_input=0.1 output=1.6"},
    ListPrice{"openai/gpt-4.1-nano", "input=0.1 cached_input=0.025 output=0.4"},
    ListPrice{"openai/gpt-4o", "input=2.5 cached_input=1.25 output=10"},
    ListPrice{"openai/gpt-4o-mini", "input=0.15 cached_input=0.075 output=0.6"},
    ListPrice{"openai/o4-mini", "input=1.1 cached_input=0.275 output=4.4"},
};

}  // namespace

std::span<const ListPrice> list_prices() {
  return kListPrices;
}

}  // namespace isa::model
