// What other roles ask of the model service.
#pragma once

#include "base/identity.h"
#include "net/http.h"
#include "sdk/chat_model.h"

namespace isa::model {

// Implemented by the service itself (same process) and by HttpModelClient (another process).
class ModelClient : public sdk::ChatModel {
 public:
  // Whether `model_id` could answer now: model_not_configured or model_not_found otherwise. No call upstream.
  virtual Task<Result<void>> check(std::string model_id) = 0;
  // Whether besides its price is known, as a limit of money needs: model_price_unknown, with how to set it,
  // otherwise.
  virtual Task<Result<void>> check_price(std::string model_id) = 0;
  // A request in any of the service's dialects, on behalf of `identity`, streaming or not: what the
  // credential broker of a sandbox passes on. Credentials in the request are dropped. Only /v1/ paths;
  // anything else is a 404.
  virtual Task<net::Response> forward(net::Request request, Identity identity) = 0;
};

}  // namespace isa::model
