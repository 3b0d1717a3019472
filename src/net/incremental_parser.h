// Beast's HTTP parser behind one call that takes whatever has arrived. Internal to net/.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <string_view>

namespace isa::net {

template <bool is_request>
class IncrementalParser : public boost::beast::http::basic_parser<is_request> {
 public:
  // Parses from the front of `bytes` and says how many it used. On need_more, call again with what is left
  // and more.
  std::size_t feed(std::string_view bytes, boost::system::error_code& ec) {
    namespace bhttp = boost::beast::http;
    // Beast 1.81 aborts when it comes back to the last chunk with fewer bytes than "0\r\n\r\n" has: a client
    // that sends that byte by byte would stop the server. No message ends with fewer, so waiting for them
    // costs nothing.
    if (is_within_chunk_head_ && bytes.size() < kLastChunkSize) {
      ec = bhttp::error::need_more;
      return 0;
    }
    const auto used = this->put(boost::asio::buffer(bytes), ec);
    is_within_chunk_head_ = ec == bhttp::error::need_more && this->is_header_done();
    return used;
  }

 private:
  static constexpr std::size_t kLastChunkSize = 5;
  bool is_within_chunk_head_ = false;
};

}  // namespace isa::net
