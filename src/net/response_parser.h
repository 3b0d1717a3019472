// Bytes to the head and the body of an answer. Internal to net/: one of the few files that see Beast.
#pragma once

#include "net/client.h"
#include "net/incremental_parser.h"

namespace isa::net {

class ResponseParser final : public IncrementalParser<false> {
 public:
  static constexpr std::uint32_t kHeaderMax = 64 << 10;

  explicit ResponseParser(bool answers_head) {
    header_limit(kHeaderMax);
    body_limit(boost::none);
    skip(answers_head);
  }

  int status = 0;
  Headers headers;
  std::string body;  // What was parsed and not yet taken.

 private:
  using string_view = boost::beast::string_view;
  using error_code = boost::beast::error_code;
  using verb = boost::beast::http::verb;
  using field = boost::beast::http::field;

  void on_request_impl(verb, string_view, string_view, int, error_code&) override {}
  void on_response_impl(int code, string_view, int, error_code&) override { status = code; }
  void on_field_impl(field, string_view name, string_view value, error_code&) override {
    if (!header_is_done_)
      headers.add(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
  }
  void on_header_impl(error_code&) override { header_is_done_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view bytes, error_code&) override {
    body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code& ec) override {
    return on_body_impl(bytes, ec);
  }
  void on_finish_impl(error_code&) override {}

  bool header_is_done_ = false;
};

}  // namespace isa::net
