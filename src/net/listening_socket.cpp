#include "net/listening_socket.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace isa::net {
namespace {

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address unix_address(const std::string& path) {
  Address address;
  auto& to = reinterpret_cast<sockaddr_un&>(address.storage);
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), path.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

Result<Address> ip_address(const Endpoint& at) {
  const std::string host = at.host == "localhost" ? "127.0.0.1" : at.host;
  Address address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(at.port);
    address.size = sizeof(sockaddr_in);
    return address;
  }
  address = {};
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(at.port);
    address.size = sizeof(sockaddr_in6);
    return address;
  }
  return validation_error("cannot listen on '{}': write an address, like 127.0.0.1 or ::1, or localhost",
                          at.host);
}

Result<Fd> new_socket(int family) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return from_errno(errno, "cannot make a socket");
  return fd;
}

// True when a server accepts on the path, false when its socket file was left behind.
Result<bool> is_served(const std::string& path) {
  ISA_TRY(auto probe, new_socket(AF_UNIX));
  const auto address = unix_address(path);
  if (::connect(probe.get(), address.get(), address.size) == 0) return true;
  if (errno == ECONNREFUSED || errno == ENOENT) return false;
  if (errno == EAGAIN || errno == EINPROGRESS) return true;  // Its queue is full.
  return from_errno(errno, fmt::format("cannot tell whether a server uses the socket '{}'", path));
}

Result<void> remove_stale_socket(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return ok();
  if (!S_ISSOCK(status.st_mode))
    return conflict("'{}' exists and is no socket; remove it or choose another path", path);
  ISA_TRY(const bool served, is_served(path));
  if (served)
    return conflict("another server listens on the Unix socket '{}'; stop it or choose another path", path);
  ::unlink(path.c_str());
  return ok();
}

Result<Fd> listen_unix(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path))
    return validation_error(
        "the path of the Unix socket '{}' has {} bytes; the system allows {}. Use a shorter folder", path,
        path.size(), sizeof(sockaddr_un::sun_path) - 1);
  ISA_TRYV(remove_stale_socket(path));
  ISA_TRY(auto fd, new_socket(AF_UNIX));
  // Linux gives the file the mode of the socket's inode: there is no moment at which others could connect.
  ::fchmod(fd.get(), 0600);
  const auto address = unix_address(path);
  if (::bind(fd.get(), address.get(), address.size) != 0)
    return from_errno(errno,
                      fmt::format("cannot listen on the Unix socket '{}': {}", path, std::strerror(errno)),
                      errno == EADDRINUSE ? ErrorKind::conflict : ErrorKind::service_unavailable);
  return fd;
}

Result<Fd> listen_ip(const Endpoint& at) {
  ISA_TRY(const auto address, ip_address(at));
  ISA_TRY(auto fd, new_socket(address.storage.ss_family));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), address.get(), address.size) == 0) return fd;
  if (errno == EADDRINUSE)
    return conflict(
        "port {} is in use on {}: another program listens there. Stop it, or choose another port "
        "(0 takes a free one)",
        at.port, at.host);
  if (errno == EACCES)
    return insufficient_permissions("port {} needs a privilege; choose one above 1023", at.port);
  return from_errno(errno, fmt::format("cannot listen on {}: {}", at.to_string(), std::strerror(errno)),
                    ErrorKind::service_unavailable);
}

// What the system made of port 0.
std::uint16_t bound_port(int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
  return ntohs(name.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(name).sin6_port
                                          : reinterpret_cast<sockaddr_in&>(name).sin_port);
}

}  // namespace

Result<ListeningSocket> ListeningSocket::open(Endpoint at) {
  ISA_TRY(auto fd, at.is_unix() ? listen_unix(at.unix_path) : listen_ip(at));
  if (::listen(fd.get(), SOMAXCONN) != 0)
    return from_errno(errno, fmt::format("cannot listen on {}: {}", at.to_string(), std::strerror(errno)),
                      errno == EADDRINUSE ? ErrorKind::conflict : ErrorKind::service_unavailable);
  if (!at.is_unix()) at.port = bound_port(fd.get());
  return ListeningSocket(fd.release(), std::move(at));
}

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), endpoint_(std::move(other.endpoint_)) {}

ListeningSocket::~ListeningSocket() {
  if (fd_ < 0) return;
  ::close(fd_);
  if (endpoint_.is_unix()) ::unlink(endpoint_.unix_path.c_str());
}

int ListeningSocket::release() {
  return std::exchange(fd_, -1);
}

}  // namespace isa::net
