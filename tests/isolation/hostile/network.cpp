// Reaching anything but loopback and the broker.
#include "attempt.h"

#include <net/if.h>

#include <cstddef>
#include <cstring>
#include <ifaddrs.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace hostile {
namespace {

constexpr int kPatienceMs = 3000;

Got connect_to(const std::string& address, int port, int kind = SOCK_STREAM) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  v4.sin_port = v6.sin6_port = htons(static_cast<std::uint16_t>(port));
  const bool is_v4 = inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1;
  if (!is_v4 && inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) != 1) return {"bad address", address};
  const int fd = socket(is_v4 ? AF_INET : AF_INET6, kind | SOCK_NONBLOCK, 0);
  if (fd < 0) return refused(errno);
  const auto* to = is_v4 ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
  int error = connect(fd, to, is_v4 ? sizeof v4 : sizeof v6) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd one{fd, POLLOUT, 0};
    socklen_t size = sizeof error;
    if (poll(&one, 1, kPatienceMs) == 0)
      error = ETIMEDOUT;
    else
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error == 0 && kind == SOCK_DGRAM && send(fd, "x", 1, 0) < 0) error = errno;
  close(fd);
  return error == 0 ? allowed(address) : refused(error, address);
}

Got interfaces(const Targets&) {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return refused(errno);
  std::string others;
  for (const ifaddrs* one = first; one; one = one->ifa_next)
    if (std::strcmp(one->ifa_name, "lo") != 0) others += std::string(one->ifa_name) + " ";
  freeifaddrs(first);
  return others.empty() ? Got{"only lo", ""} : allowed(others);
}

Got ports_of_platform(const Targets& targets) {
  const auto ports = split(target(targets, "ports"), ',');
  if (ports.empty()) return {"no target", ""};
  for (const auto& port : ports)
    if (const Got got = connect_to("127.0.0.1", std::stoi(port)); got.what != "ECONNREFUSED")
      return {got.what, port};
  return {"ECONNREFUSED", ""};
}

Got connect_unix(const std::string& path, bool is_abstract) {
  if (path.empty()) return {"no target", ""};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + (is_abstract ? 1 : 0), path.data(),
              std::min(path.size(), sizeof address.sun_path - 2));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  const Got got = by_result(connect(fd, reinterpret_cast<const sockaddr*>(&address), size));
  close(fd);
  return {got.what, path};
}

Got open_socket(int family, int kind, int protocol) {
  const int fd = socket(family, kind, protocol);
  if (fd < 0) return refused(errno);
  close(fd);
  return allowed();
}

// By netlink: a new pair of interfaces.
Got add_interface(const Targets&) {
  const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (fd < 0) return refused(errno);
  struct {
    nlmsghdr head;
    ifinfomsg info;
    char attributes[64];
  } message{};
  message.head.nlmsg_len = NLMSG_LENGTH(sizeof(ifinfomsg));
  message.head.nlmsg_type = RTM_NEWLINK;
  message.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
  auto* name = reinterpret_cast<rtattr*>(reinterpret_cast<char*>(&message) + message.head.nlmsg_len);
  name->rta_type = IFLA_IFNAME;
  name->rta_len = RTA_LENGTH(6);
  std::memcpy(RTA_DATA(name), "dummy", 6);
  message.head.nlmsg_len += RTA_ALIGN(name->rta_len);
  if (send(fd, &message, message.head.nlmsg_len, 0) < 0) return refused(errno);
  char answer[4096];
  const ssize_t count = recv(fd, answer, sizeof answer, 0);
  close(fd);
  if (count < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr)))) return {"no answer", ""};
  const auto* error = reinterpret_cast<const nlmsgerr*>(NLMSG_DATA(reinterpret_cast<nlmsghdr*>(answer)));
  return error->error < 0 ? refused(-error->error) : allowed();
}

Got change_loopback(const Targets&) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  auto* address = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
  address->sin_family = AF_INET;
  inet_pton(AF_INET, "169.254.169.254", &address->sin_addr);
  const Got got = by_result(ioctl(fd, SIOCSIFADDR, &request));
  close(fd);
  return got;
}

}  // namespace

std::vector<Attempt> network() {
  return {
      {"find an interface", interfaces},
      {"reach the metadata address", [](const Targets&) { return connect_to("169.254.169.254", 80); }},
      {"reach the metadata address of IPv6", [](const Targets&) { return connect_to("fd00:ec2::254", 80); }},
      {"reach an address of the world", [](const Targets&) { return connect_to("192.0.2.1", 80); }},
      {"reach an address of the world by IPv6", [](const Targets&) { return connect_to("2001:db8::1", 80); }},
      {"reach a private address", [](const Targets&) { return connect_to("10.0.0.1", 22); }},
      {"reach the bridge of the host", [](const Targets&) { return connect_to("172.17.0.1", 80); }},
      {"send a datagram to a name server",
       [](const Targets&) { return connect_to("192.0.2.53", 53, SOCK_DGRAM); }},
      {"reach the platform's ports on loopback", ports_of_platform},
      {"reach an abstract socket of the host",
       [](const Targets& t) { return connect_unix(target(t, "abstract"), true); }},
      {"reach a socket of the host by its path",
       [](const Targets& t) { return connect_unix(target(t, "socket"), false); }},
      {"reach another sandbox's channel",
       [](const Targets& t) { return connect_unix(target(t, "other") + "/agent.sock", false); }},
      {"reach another sandbox's broker",
       [](const Targets& t) { return connect_unix(target(t, "other") + "/broker/broker.sock", false); }},
      {"open a packet socket", [](const Targets&) { return open_socket(AF_PACKET, SOCK_RAW, 0); }},
      {"open a raw socket", [](const Targets&) { return open_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); }},
      {"open a raw socket of IPv6",
       [](const Targets&) { return open_socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6); }},
      {"open a socket to virtual machines",
       [](const Targets&) { return open_socket(AF_VSOCK, SOCK_STREAM, 0); }},
      {"open a socket to the kernel's ciphers",
       [](const Targets&) { return open_socket(AF_ALG, SOCK_SEQPACKET, 0); }},
      {"open a Bluetooth socket", [](const Targets&) { return open_socket(AF_BLUETOOTH, SOCK_RAW, 1); }},
      {"open an XDP socket", [](const Targets&) { return open_socket(44, SOCK_RAW, 0); }},
      {"open a TIPC socket", [](const Targets&) { return open_socket(AF_TIPC, SOCK_STREAM, 0); }},
      {"open netlink to the firewall",
       [](const Targets&) { return open_socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER); }},
      {"open netlink to the audit log",
       [](const Targets&) { return open_socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT); }},
      {"open netlink to device events",
       [](const Targets&) { return open_socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT); }},
      {"add an interface", add_interface},
      {"give loopback the metadata address", change_loopback},
  };
}

}  // namespace hostile
