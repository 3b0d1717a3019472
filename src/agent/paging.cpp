#include "agent/paging.h"

#include <charconv>

namespace isa::agent {

Result<PageAsked> page_asked(const net::Request& request, std::size_t most) {
  PageAsked asked;
  asked.cursor = std::string(request.query_value("cursor"));
  const auto limit = request.query_value("limit");
  if (limit.empty()) return asked;
  const auto [end, ec] = std::from_chars(limit.data(), limit.data() + limit.size(), asked.limit);
  if (ec != std::errc() || end != limit.data() + limit.size() || asked.limit < 1 || asked.limit > most)
    return validation_error("the query parameter 'limit' must be a number from 1 to {}", most)
        .with_param("limit");
  return asked;
}

}  // namespace isa::agent
