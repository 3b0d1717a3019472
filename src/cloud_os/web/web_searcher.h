// web_search, for the sandboxes: asks the provider that the operator chose, with the operator's key.
#pragma once

#include "cloud_os/settings.h"
#include "net/client.h"
#include "sdk/web_protocol.h"

namespace isa::cloud_os {

// Lives on one event loop. The key is in no answer, error or log.
class WebSearcher {
 public:
  // validation_error that names the setting which is wrong or missing.
  static Result<std::unique_ptr<WebSearcher>> make(const Settings& settings, net::TlsConnector& tls);

  // "brave", or empty when none is configured.
  const std::string& provider() const { return provider_; }
  // Of one sandbox.
  std::int64_t per_minute() const { return per_minute_; }

  // failed_dependency with code web_search_not_configured, which says what to set; upstream_error, timeout,
  // and rate_limit_exceeded of the provider.
  Task<Result<sdk::WebHits>> search(sdk::WebSearch what, Deadline deadline);

 private:
  struct Adapter;

  WebSearcher(const Settings& settings, const Adapter* adapter, net::Url at, net::TlsConnector& tls);
  Error refusal(int status) const;

  std::string provider_, key_;
  std::int64_t per_minute_;
  const Adapter* adapter_;  // Null: none is configured.
  net::Url at_;
  net::Client client_;
};

}  // namespace isa::cloud_os
