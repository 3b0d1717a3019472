// Where a page of a list ended. Opaque to clients: base64url of the last row's place in the order.
#pragma once

#include "base/result.h"
#include "base/time.h"

#include <limits>
#include <string>
#include <string_view>

namespace isa::store {

// Lists are ordered by (position, id), both descending. Mostly the position is the time of a row's last
// update in milliseconds: rows that change between two pages move to the front; those that do not are neither
// repeated nor skipped.
struct Cursor {
  std::int64_t position = std::numeric_limits<std::int64_t>::max();  // The default is the start.
  std::string id;
};

std::string to_text(const Cursor& cursor);
// An empty text is the start; anything else that to_text() did not make is a validation_error of "/cursor".
Result<Cursor> parse_cursor(std::string_view text);

}  // namespace isa::store
