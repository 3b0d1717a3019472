#pragma once

#include "base/async.h"
#include "base/deadline.h"
#include "sdk/chat.h"

namespace isa::sdk {

// Something that continues a conversation: the model service in this process, or one behind HTTP.
class ChatModel {
 public:
  virtual ~ChatModel() = default;
  // Errors: failed_dependency with code model_not_configured (at once; the message names the setting),
  // not_found with code model_not_found, rate_limit_exceeded, upstream_error, timeout, validation_error (the
  // provider refused the request). Retries are the implementation's. Cancelling the task stops the provider.
  virtual Task<Result<ChatResult>> chat(ChatRequest request, ChatSink sink, Deadline deadline) = 0;
};

}  // namespace isa::sdk
