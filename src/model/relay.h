#pragma once

#include "model/call.h"
#include "model/dialect.h"

namespace isa::model {

// Everything that a streamed answer needs once its handler has returned.
struct Relay {
  std::unique_ptr<Call> call;
  std::unique_ptr<AnswerWriter> writer;
  // The caller speaks the provider's dialect: events go through as they came, where the provider's stream
  // allows it.
  bool is_verbatim = false;
};

// Passes one answer on as it comes, and ends it in the caller's dialect whatever happens. Waits while the
// reader does not take it; is cancelled, and with it the provider's answer, when the reader leaves.
Task<void> relay_stream(std::shared_ptr<Relay> relay, net::BodyWriter& to);

// The whole answer at once; the sink gets the deltas on the way.
Task<Result<sdk::ChatResult>> collect(Call& call, const sdk::ChatSink* sink);

}  // namespace isa::model
