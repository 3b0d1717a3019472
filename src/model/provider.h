// Something that answers: OpenAI and what is compatible with it, Anthropic, the built-in demo model.
#pragma once

#include "base/deadline.h"
#include "model/prices.h"
#include "sdk/chat.h"

#include <memory>
#include <string>
#include <vector>

namespace isa::model {

// One streamed answer, pulled by whoever passes it on. Destroying it stops the provider.
class ChatStream {
 public:
  virtual ~ChatStream() = default;
  // Appends what came next, perhaps nothing; false at the end of a complete answer. An answer that breaks off
  // is an upstream_error, never a silent end.
  virtual Task<Result<bool>> next(std::vector<sdk::ChatDelta>& out) = 0;
  // id, model, finish_reason and usage so far, without the message. Usage is zero when the provider sends
  // none.
  virtual const sdk::ChatResult& summary() const = 0;
  // What the last next() read, as the provider wrote it, when that can be passed on to a caller of the
  // provider's dialect as it stands: nothing is lost then that the common form does not hold. The final usage
  // in it gets its cost, where there is a price.
  virtual std::string verbatim(const std::optional<Price>&) const { return {}; }
};

class Provider {
 public:
  virtual ~Provider() = default;
  virtual std::string_view name() const = 0;  // The prefix of its models: "openai".
  virtual std::string_view dialect()
      const = 0;  // "openai", "anthropic" or empty: whose requests it takes unchanged.
  // model_not_configured, naming the setting and the environment variable, when it lacks what it needs.
  virtual Result<void> ready() const = 0;
  virtual bool knows(std::string_view model) const = 0;  // False: certainly no model of this provider.
  // request.model is without prefix. Returns when the provider has begun to answer; retries until then.
  virtual Task<Result<std::unique_ptr<ChatStream>>> open(sdk::ChatRequest request, Deadline deadline) = 0;
  // Its models, without prefix.
  virtual Task<Result<std::vector<std::string>>> models(Deadline deadline) = 0;
};

}  // namespace isa::model
