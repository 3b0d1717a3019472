#include "model/call.h"

#include "base/log.h"

namespace isa::model {
namespace {

constexpr std::int64_t kBytesPerToken = 4;

}  // namespace

Call::Call(std::unique_ptr<ChatStream> stream, Facts facts)
    : stream_(std::move(stream)), facts_(std::move(facts)) {}

Call::~Call() {
  const auto usage = summary().usage;
  const auto duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::Clock::now() - began_).count();
  log::info("model.call", {{"request_id", facts_.request_id},
                           {"trace_id", facts_.trace.id()},
                           {"user_id", facts_.user},
                           {"provider", facts_.provider},
                           {"model", facts_.model},
                           {"outcome", outcome_},
                           {"input_tokens", usage.input_tokens},
                           {"cached_input_tokens", usage.cached_input_tokens},
                           {"output_tokens", usage.output_tokens},
                           {"estimated", usage.estimated},
                           {"cost_usd", usage.cost_usd ? usage.cost_usd->text() : "unknown"},
                           {"duration_ms", duration}});
}

Task<Result<bool>> Call::next(std::vector<sdk::ChatDelta>& out) {
  const auto before = out.size();
  auto more = co_await stream_->next(out);
  for (std::size_t i = before; i < out.size(); ++i) output_bytes_ += out[i].text.size() + out[i].name.size();
  if (!more)
    outcome_ = more.error().code();
  else if (!*more)
    outcome_ = "completed";
  co_return more;
}

sdk::ChatResult Call::summary() const {
  auto result = stream_->summary();
  auto& usage = result.usage;
  const auto estimate = [](std::size_t bytes) {
    return (static_cast<std::int64_t>(bytes) + kBytesPerToken - 1) / kBytesPerToken;
  };
  // Anthropic counts the input at the start and the output at the end: either may be missing when a stream
  // broke.
  if (usage.input_tokens == 0 && facts_.input_bytes > 0) {
    usage.input_tokens = estimate(facts_.input_bytes);
    usage.estimated = true;
  }
  if (usage.output_tokens == 0 && output_bytes_ > 0) {
    usage.output_tokens = estimate(output_bytes_);
    usage.estimated = true;
  }
  usage.cost_usd = facts_.price ? std::optional(cost_of(*facts_.price, usage)) : std::nullopt;
  return result;
}

}  // namespace isa::model
