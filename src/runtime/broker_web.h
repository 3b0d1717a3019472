// The web tools' way out: the broker of this sandbox.
#pragma once

#include "net/client.h"
#include "sdk/tool.h"
#include "sdk/web_protocol.h"

namespace isa::runtime {

// Lives on one event loop; `client` outlives it.
class BrokerWeb final : public sdk::WebAccess {
 public:
  BrokerWeb(net::Client& client, net::Endpoint broker) : client_(client), broker_(std::move(broker)) {}

  Task<Result<sdk::WebHits>> search(sdk::WebSearch what, Deadline deadline) override;
  Task<Result<sdk::WebPage>> fetch(sdk::WebFetch what, Deadline deadline) override;

 private:
  Task<Result<std::string>> ask(std::string path, json::value what, Deadline deadline);

  net::Client& client_;
  net::Endpoint broker_;
};

}  // namespace isa::runtime
