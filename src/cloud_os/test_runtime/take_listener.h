// For programs that stand in the runtime's place in tests, and link nothing.
#pragma once

#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace isa::testing {

// The listener of a container comes over a socket (runtime/listener.h).
inline int receive_listener(const char* from) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, from, sizeof address.sun_path - 1);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  char byte = 0;
  iovec bytes{&byte, 1};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  if (connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
    return -1;
  int listener = -1;
  std::memcpy(&listener, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof listener);
  close(socket);
  return listener;
}

// The listener of this sandbox becomes descriptor `as`, where it is in a sandbox of bubblewrap from the
// start.
inline bool take_listener(int argc, char** argv, int as) {
  if (argc != 3 || std::strcmp(argv[1], "--listener-from") != 0) return true;
  const int listener = receive_listener(argv[2]);
  if (listener < 0) return false;
  if (listener != as) {
    dup2(listener, as);
    close(listener);
  }
  return fcntl(as, F_SETFD, FD_CLOEXEC) == 0;
}

}  // namespace isa::testing
