// What the search providers answer, read strictly where it matters and leniently where they add fields.
#pragma once

#include "sdk/web_protocol.h"

namespace isa::cloud_os {

// Each by the provider's own documentation; upstream_error when the text is not as that says. Results without
// an address of the web are left out; texts are cut to what a model reads.
Result<std::vector<sdk::WebHit>> read_searxng(
    std::string_view answer);  // docs.searxng.org/dev/search_api.html
Result<std::vector<sdk::WebHit>> read_brave(
    std::string_view answer);  // api-dashboard.search.brave.com, web search
Result<std::vector<sdk::WebHit>> read_tavily(std::string_view answer);  // docs.tavily.com, POST /search

}  // namespace isa::cloud_os
