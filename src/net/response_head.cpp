#include "net/response_head.h"

#include "net/text.h"

#include <array>

namespace isa::net {
namespace {

struct Reason {
  int status;
  std::string_view text;
};
constexpr std::array kReasons = {
    Reason{200, "OK"},
    Reason{201, "Created"},
    Reason{202, "Accepted"},
    Reason{204, "No Content"},
    Reason{301, "Moved Permanently"},
    Reason{302, "Found"},
    Reason{304, "Not Modified"},
    Reason{307, "Temporary Redirect"},
    Reason{400, "Bad Request"},
    Reason{401, "Unauthorized"},
    Reason{402, "Payment Required"},
    Reason{403, "Forbidden"},
    Reason{404, "Not Found"},
    Reason{405, "Method Not Allowed"},
    Reason{408, "Request Timeout"},
    Reason{409, "Conflict"},
    Reason{410, "Gone"},
    Reason{413, "Content Too Large"},
    Reason{421, "Misdirected Request"},
    Reason{422, "Unprocessable Content"},
    Reason{424, "Failed Dependency"},
    Reason{429, "Too Many Requests"},
    Reason{431, "Request Header Fields Too Large"},
    Reason{499, "Client Closed Request"},
    Reason{500, "Internal Server Error"},
    Reason{501, "Not Implemented"},
    Reason{502, "Bad Gateway"},
    Reason{503, "Service Unavailable"},
    Reason{504, "Gateway Timeout"},
};

bool belongs_to_connection(std::string_view name) {
  constexpr std::array<std::string_view, 7> kOwn = {
      "Connection", "Keep-Alive", "Content-Length", "Transfer-Encoding", "Date", "Server", "X-Request-Id"};
  return std::ranges::any_of(kOwn, [&](auto own) { return equals_ignoring_case(own, name); });
}

// A line end in a value would let whoever chose the value write fields of his own.
void append_value(std::string& to, std::string_view value) {
  for (const char c : value) to.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
}

}  // namespace

std::string_view reason_of(int status) {
  for (const auto& reason : kReasons)
    if (reason.status == status) return reason.text;
  return "Unknown";
}

ResponseHead::ResponseHead(std::string server_name)
    : server_line_("Server: " + (server_name.empty() ? std::string("isa") : std::move(server_name)) +
                   "\r\n") {}

void ResponseHead::refresh_date() {
  const auto now = std::time(nullptr);
  if (now == date_second_) return;
  date_second_ = now;
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 64> line{};
  const auto size = std::strftime(line.data(), line.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
  date_line_.assign(line.data(), size);
}

void ResponseHead::append(std::string& to, const Response& response, std::string_view request_id,
                          Framing framing, bool keep_alive) {
  refresh_date();
  to.append("HTTP/1.1 ")
      .append(std::to_string(response.status))
      .append(" ")
      .append(reason_of(response.status))
      .append("\r\n");
  to.append(server_line_).append(date_line_);
  to.append("X-Request-Id: ").append(request_id).append("\r\n");
  for (const auto& [name, value] : response.headers.all()) {
    if (belongs_to_connection(name) || name.find_first_of(" \r\n:") != std::string::npos) continue;
    to.append(name).append(": ");
    append_value(to, value);
    to.append("\r\n");
  }
  const bool has_no_body = response.status == 204 || response.status == 304 || response.status < 200;
  if (framing == Framing::chunked)
    to.append("Transfer-Encoding: chunked\r\n");
  else if (framing == Framing::length && !has_no_body)
    to.append("Content-Length: ").append(std::to_string(response.body.size())).append("\r\n");
  if (!keep_alive && framing != Framing::takeover) to.append("Connection: close\r\n");
  to.append("\r\n");
}

}  // namespace isa::net
