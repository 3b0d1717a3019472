#include "net/listener.h"

#include <array>
#include <cerrno>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace isa::net {

Result<Acceptor> adopt_listener(asio::any_io_executor executor, int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0)
    return from_errno(errno, fmt::format("descriptor {} is no socket", fd));
  Acceptor acceptor(executor);
  ErrorCode ec;
  acceptor.assign(asio::generic::stream_protocol(name.ss_family, 0), fd, ec);
  if (ec) return internal_error("cannot take over the listening socket").with_detail(ec.message());
  return acceptor;
}

std::string peer_name(const asio::generic::stream_protocol::endpoint& peer) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const auto* address = reinterpret_cast<const sockaddr*>(peer.data());
  if (address->sa_family == AF_INET)
    return inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text.data(),
                     text.size());
  if (address->sa_family == AF_INET6)
    return inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text.data(),
                     text.size());
  return "unix";
}

void set_no_delay(Socket& socket) {
  const int on = 1;
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace isa::net
