// The model service: one address for every model, whichever provider serves it and whichever dialect the
// caller speaks.
#pragma once

#include "model/catalogue.h"
#include "model/client.h"
#include "model/dialect.h"
#include "model/output_format.h"
#include "net/service_routes.h"

namespace isa::model {

class Call;

// Lives on one event loop, as `client` does; it must outlive the servers of its router and every stream that
// it gave. Keys of providers come from the settings alone, never from a request.
class Service final : public ModelClient {
 public:
  Service(Settings settings, net::Client& client);

  // POST /v1/chat/completions, POST /v1/messages, POST /api/v1/invoke, GET /v1/models[/{id}], GET
  // /api/v1/models/resolve?model= (who would serve it). Errors of the /v1/ routes are in the dialect of the
  // route.
  net::Router router();
  // For GET /health. Always ready, since builtin/demo is; the dependencies say what is known of each
  // provider, from the last time that it was asked for its models.
  net::Health health() const;

  Task<Result<sdk::ChatResult>> chat(sdk::ChatRequest request, sdk::ChatSink sink,
                                     Deadline deadline) override;
  Task<Result<void>> check(std::string model_id) override;
  Task<Result<void>> check_price(std::string model_id) override;
  Task<net::Response> forward(net::Request request, Identity identity) override;

 private:
  Task<Result<net::Response>> chat_completions(net::Request& request);
  Task<Result<net::Response>> messages(net::Request& request);
  Task<Result<net::Response>> invoke(net::Request& request);
  Task<Result<net::Response>> resolve(net::Request& request);
  Task<Result<net::Response>> list_models(net::Request& request);
  Task<Result<net::Response>> get_model(net::Request& request);

  Task<net::Response> serve(net::Request& request, const Dialect& dialect);
  Task<Result<net::Response>> answer(net::Request& request, const Dialect& dialect);

  Settings settings_;
  Catalogue catalogue_;
  FormatMemory formats_;
  net::Router router_;
};

}  // namespace isa::model
