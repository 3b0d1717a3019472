#include "runtime/listener.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace isa::runtime {
namespace {

Error not_handed_over(const std::string& from, std::string_view why) {
  return service_unavailable(
      "no listening socket is handed over at {}: {}; a sandbox is started by cloud_os only, never again by "
      "hand",
      from, why);
}

// -1 with errno. What else came is closed by nobody: the sender is the platform, and the process ends on an
// error.
int receive_descriptor(int socket) {
  char byte = 0;
  iovec bytes{&byte, 1};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  const ssize_t count = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (count < 0) return -1;
  const cmsghdr* head = CMSG_FIRSTHDR(&message);
  int descriptor = -1;
  if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
    std::memcpy(&descriptor, CMSG_DATA(head), sizeof descriptor);
  errno = ECONNRESET;  // The other side closed without a word, when there is no descriptor.
  return descriptor;
}

}  // namespace

Result<int> receive_listener(const std::string& from, std::chrono::seconds patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (from.size() >= sizeof address.sun_path)
    return not_handed_over(from, "the path is longer than 107 bytes");
  std::memcpy(address.sun_path, from.data(), from.size());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return not_handed_over(from, std::strerror(errno));
  const timeval wait{patience.count(), 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  const bool connected = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int descriptor = connected ? receive_descriptor(socket) : -1;
  const int error = errno;
  ::close(socket);
  if (descriptor < 0) return not_handed_over(from, std::strerror(error));
  return descriptor;
}

}  // namespace isa::runtime
