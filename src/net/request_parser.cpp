#include "net/request_parser.h"

#include "net/text.h"

#include <boost/beast/http/error.hpp>

namespace isa::net {
namespace bhttp = boost::beast::http;

std::size_t RequestParser::feed(std::string_view bytes, error_code& ec) {
  if (!header_is_done_) {
    const auto head = bytes.substr(0, bytes.find("\r\n\r\n"));
    if (head.find("\n ") != std::string_view::npos || head.find("\n\t") != std::string_view::npos) {
      ec = bhttp::error::bad_value;
      return 0;
    }
  }
  return IncrementalParser::feed(bytes, ec);
}

void RequestParser::on_request_impl(verb method, string_view, string_view target, int version, error_code&) {
  switch (method) {
    case verb::get: request.method = Method::get; break;
    case verb::head: request.method = Method::head; break;
    case verb::post: request.method = Method::post; break;
    case verb::put: request.method = Method::put; break;
    case verb::patch: request.method = Method::patch; break;
    case verb::delete_: request.method = Method::del; break;
    case verb::options: request.method = Method::options; break;
    case verb::connect: is_connect = true; break;
    default: method_is_known = false;
  }
  request.target.assign(target.data(), target.size());
  is_http_1_0 = version < 11;
}

void RequestParser::on_field_impl(field name, string_view text, string_view value, error_code& ec) {
  // A trailer arrives after the guard has decided: it must not add an X-User-Id.
  if (header_is_done_) return;
  if (name == field::transfer_encoding &&
      (is_http_1_0 || !equals_ignoring_case({value.data(), value.size()}, "chunked"))) {
    ec = bhttp::error::bad_transfer_encoding;
    return;
  }
  if (name == field::content_length && request.headers.has("Content-Length")) {
    ec = bhttp::error::multiple_content_length;
    return;
  }
  if (name == field::host) {
    if (has_host) ec = bhttp::error::bad_field;
    has_host = true;
  }
  if (name == field::expect)
    expects_continue = !is_http_1_0 && equals_ignoring_case({value.data(), value.size()}, "100-continue");
  request.headers.add(std::string(text.data(), text.size()), std::string(value.data(), value.size()));
}

void RequestParser::on_header_impl(error_code& ec) {
  header_is_done_ = true;
  if (!has_host && !is_http_1_0) ec = bhttp::error::bad_field;
}

void RequestParser::on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) {
  if (length && *length <= body_max) request.body.reserve(static_cast<std::size_t>(*length));
}

std::size_t RequestParser::on_body_impl(string_view bytes, error_code& ec) {
  if (request.body.size() + bytes.size() > body_max) {
    ec = bhttp::error::body_limit;
    return 0;
  }
  request.body.append(bytes.data(), bytes.size());
  return bytes.size();
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, string_view bytes, error_code& ec) {
  return on_body_impl(bytes, ec);
}

}  // namespace isa::net
