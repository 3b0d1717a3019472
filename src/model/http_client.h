// The model service of another process.
#pragma once

#include "model/client.h"
#include "net/client.h"

namespace isa::model {

// Speaks for the platform with the internal secret; forward() on behalf of a user. Lives on `client`'s event
// loop.
class HttpModelClient final : public ModelClient {
 public:
  // `base` ends before /v1; `setting` is where it was set, for the error of a service that is not there.
  HttpModelClient(net::Client& client, net::Url base, std::string internal_secret, std::string_view setting);

  Task<Result<sdk::ChatResult>> chat(sdk::ChatRequest request, sdk::ChatSink sink,
                                     Deadline deadline) override;
  Task<Result<void>> check(std::string model_id) override;
  Task<Result<void>> check_price(std::string model_id) override;
  Task<net::Response> forward(net::Request request, Identity identity) override;

 private:
  Task<Result<void>> resolve(std::string query);
  Task<Result<net::Response>> pass_on(net::Request request, Identity identity);

  net::Client& client_;
  net::Url base_;
  net::Headers headers_;  // Of the platform.
  std::string peer_;      // What errors call the service.
  std::unique_ptr<sdk::ChatModel> chat_;
};

}  // namespace isa::model
