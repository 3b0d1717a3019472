// The web tools of one sandbox, as its broker serves them (sdk/web_protocol.h).
#pragma once

#include "cloud_os/egress/egress.h"
#include "cloud_os/web/web_searcher.h"
#include "sdk/web/web_url.h"

#include <deque>

namespace isa::cloud_os {

// Lives on one event loop, beside the broker's Egress.
class BrokerWeb {
 public:
  static constexpr int kRedirectsMax = 5;
  static constexpr int kFetchesMax = 8;   // At the same time.
  static constexpr int kSearchesMax = 4;  // At the same time.

  BrokerWeb(Egress& egress, WebSearcher& searcher, Egress::Report report)
      : egress_(egress), searcher_(searcher), report_(std::move(report)) {}

  Task<Result<net::Response>> search(net::Request& request);
  // Every hop is a request of its own to Egress: allowed by name, looked up and recorded anew.
  Task<Result<net::Response>> fetch(net::Request& request);

 private:
  Result<void> admit_search();
  Task<Result<sdk::WebPage>> follow(sdk::WebUrl url, Deadline deadline);

  Egress& egress_;
  WebSearcher& searcher_;
  Egress::Report report_;
  std::deque<Deadline::Clock::time_point> searched_at_;  // Within the last minute.
  int searching_ = 0;
  int fetching_ = 0;
};

}  // namespace isa::cloud_os
