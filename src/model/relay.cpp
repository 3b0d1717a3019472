#include "model/relay.h"

namespace isa::model {
namespace {

// For whoever meters the stream: the caller need not have asked for its usage. Clients pass over comments.
std::string usage_comment(const sdk::Usage& usage) {
  return fmt::format(": usage {}\n\n", json::serialize(sdk::openai::to_usage(usage)));
}

}  // namespace

Task<void> relay_stream(std::shared_ptr<Relay> relay, net::BodyWriter& to) {
  auto& [call, writer, is_verbatim] = *relay;
  std::vector<sdk::ChatDelta> deltas;
  std::string text;
  if (!is_verbatim) text = writer->first();
  bool more = true;
  while (more) {
    deltas.clear();
    auto next = co_await call->next(deltas);
    if (is_verbatim && next) text += call->verbatim();
    if (!is_verbatim)
      for (const auto& delta : deltas) text += writer->delta(delta);
    more = next && *next;
    if (!more) text += usage_comment(call->summary().usage);
    if (!next) text += writer->failed(next.error());
    if (next && !more && !is_verbatim) text += writer->last(call->summary());
    if (text.empty()) continue;
    if (auto written = co_await to.write(std::exchange(text, {})); !written) co_return;
  }
}

Task<Result<sdk::ChatResult>> collect(Call& call, const sdk::ChatSink* sink) {
  sdk::MessageBuilder builder;
  std::vector<sdk::ChatDelta> deltas;
  bool more = true;
  while (more) {
    deltas.clear();
    ISA_CO_TRY(more, co_await call.next(deltas));
    for (const auto& delta : deltas) {
      builder.add(delta);
      if (sink) ISA_CO_TRYV(co_await (*sink)(delta));
    }
  }
  auto result = call.summary();
  result.message = std::move(builder).finish();
  co_return result;
}

}  // namespace isa::model
