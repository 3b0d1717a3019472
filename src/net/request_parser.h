// Bytes to a Request. Internal to net/: one of the few files that see Beast.
#pragma once

#include "net/http.h"
#include "net/incremental_parser.h"

namespace isa::net {

// Feeds Beast's incremental parser and fills a Request directly. Stricter than Beast where leniency would let
// two servers read one byte stream as different requests (RFC 9112, section 11.2).
class RequestParser final : public IncrementalParser<true> {
 public:
  explicit RequestParser(std::size_t header_max) {
    header_limit(static_cast<std::uint32_t>(header_max));
    body_limit(boost::none);  // Set by the route, see body_max.
  }

  // Refuses a folded header line, which others read as two lines (RFC 9112, section 5.2).
  std::size_t feed(std::string_view bytes, boost::system::error_code& ec);

  Request request;
  // Larger bodies end parsing with body_limit.
  std::size_t body_max = 0;
  bool method_is_known = true;
  bool is_connect = false;  // Then request.method says nothing.
  bool expects_continue = false;
  bool has_host = false;
  bool is_http_1_0 = false;

 private:
  using string_view = boost::beast::string_view;
  using error_code = boost::beast::error_code;
  using verb = boost::beast::http::verb;
  using field = boost::beast::http::field;

  void on_request_impl(verb method, string_view text, string_view target, int version,
                       error_code& ec) override;
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(field name, string_view text, string_view value, error_code& ec) override;
  void on_header_impl(error_code& ec) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code& ec) override;
  std::size_t on_body_impl(string_view bytes, error_code& ec) override;
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t remain, string_view bytes, error_code& ec) override;
  void on_finish_impl(error_code&) override {}

  bool header_is_done_ = false;
};

}  // namespace isa::net
