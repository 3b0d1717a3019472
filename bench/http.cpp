#include "http.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace isa::bench {

void die(const std::string& message) {
  std::fprintf(stderr, "isa-bench: %s\n", message.c_str());
  std::exit(1);
}

std::optional<int> connect_to(const net::Endpoint& to) {
  const int fd = socket(to.is_unix() ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int result = -1;
  if (to.is_unix()) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, to.unix_path.c_str(), sizeof(address.sun_path) - 1);
    result = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  } else {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(to.port);
    inet_pton(AF_INET, to.host.c_str(), &address.sin_addr);
    result = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  if (result == 0) return fd;
  close(fd);
  return std::nullopt;
}

Connection::Connection(const net::Endpoint& to) {
  const auto fd = connect_to(to);
  if (!fd) die("cannot connect to " + to.to_string());
  fd_ = *fd;
}

Connection::~Connection() {
  close(fd_);
}

void Connection::fill() {
  char chunk[16384];
  const ssize_t got = read(fd_, chunk, sizeof(chunk));
  if (got <= 0) die("the peer closed the connection before its answer was complete");
  buffer_.append(chunk, static_cast<std::size_t>(got));
}

std::string Connection::read_line() {
  for (;;) {
    const auto end = buffer_.find("\r\n");
    if (end != std::string::npos) {
      auto line = buffer_.substr(0, end);
      buffer_.erase(0, end + 2);
      return line;
    }
    fill();
  }
}

std::string Connection::read_bytes(std::size_t count) {
  while (buffer_.size() < count) fill();
  auto bytes = buffer_.substr(0, count);
  buffer_.erase(0, count);
  return bytes;
}

void Connection::send(const std::string& method, const std::string& target, const std::string& body) {
  const auto request = fmt::format(
      "{} {} HTTP/1.1\r\nHost: localhost\r\nX-User-Id: bench\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\n\r\n{}",
      method, target, body.size(), body);
  if (write(fd_, request.data(), request.size()) != static_cast<ssize_t>(request.size())) die("cannot send");
}

void Connection::stream_until(const std::string& method, const std::string& target, const std::string& body,
                              const std::string& text) {
  send(method, target, body);
  while (buffer_.find(text) == std::string::npos) fill();
}

Answer Connection::call(const std::string& method, const std::string& target, const std::string& body) {
  send(method, target, body);
  Answer answer;
  const auto status_line = read_line();
  if (status_line.size() < 12) die("not an HTTP answer: " + status_line);
  answer.status = std::atoi(status_line.c_str() + 9);
  std::size_t length = 0;
  for (auto line = read_line(); !line.empty(); line = read_line()) {
    std::ranges::transform(line, line.begin(), [](unsigned char c) { return std::tolower(c); });
    if (line.starts_with("content-length:")) length = std::strtoul(line.c_str() + 15, nullptr, 10);
  }
  answer.body = read_bytes(length);
  return answer;
}

}  // namespace isa::bench
