#pragma once

#include "net/http.h"

#include <ctime>

namespace isa::net {

enum class Framing {
  length,     // Content-Length
  chunked,    // Transfer-Encoding: chunked
  until_eof,  // The connection's end is the body's end (HTTP/1.0).
  takeover,   // What follows is no body.
};

// Renders the head of answers; keeps the Date line for the second that it is valid. One per server.
class ResponseHead {
 public:
  explicit ResponseHead(std::string server_name);

  // Appends status line and fields, up to and with the empty line. Fields that belong to the connection
  // (Connection, Content-Length, ...) are the server's own: those of `response` are left out.
  void append(std::string& to, const Response& response, std::string_view request_id, Framing framing,
              bool keep_alive);

 private:
  void refresh_date();

  std::string server_line_;
  std::string date_line_;
  std::time_t date_second_ = 0;
};

std::string_view reason_of(int status);

}  // namespace isa::net
