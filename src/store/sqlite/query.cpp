#include "store/sqlite/query.h"

#include <boost/json/parse.hpp>

namespace isa::store::sqlite {

Result<json::value> parse_document(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 512;
  options.allow_invalid_utf8 = true;
  boost::json::error_code ec;
  auto document = boost::json::parse(text, ec, {}, options);
  if (ec) return internal_error("a stored document is unreadable").with_detail(ec.message());
  return document;
}

Result<void> take(const Row& row, int at, json::object& to) {
  ISA_TRY(auto document, parse_document(row.bytes(at)));
  if (!document.is_object()) return internal_error("a stored document is no object");
  to = std::move(document.get_object());
  return ok();
}

}  // namespace isa::store::sqlite
