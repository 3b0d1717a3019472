#include "cloud_os/backends/docker/listener_handover.h"

#include "cloud_os/unix_listener.h"

#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>

namespace isa::cloud_os::docker {
namespace {

// By the kernel's word, in this process's numbers. The engine's own helpers are in the container before its
// program is, under the same number: only the program asks.
bool is_from(int peer, const ProcessId& process) {
  ucred who{};
  socklen_t size = sizeof who;
  return ::getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.pid == process.pid;
}

Result<void> send_descriptor(int peer, int descriptor) {
  char byte = 'l';
  iovec bytes{&byte, 1};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof descriptor)] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
  if (::sendmsg(peer, &message, MSG_NOSIGNAL) == 1) return ok();
  return from_errno(errno, "the listening socket cannot be passed to the container");
}

}  // namespace

Result<ListenerHandover> ListenerHandover::open(std::filesystem::path at) {
  ISA_TRY(auto door, listen_unix(at, 0666));
  return ListenerHandover(std::move(at), std::move(door));
}

ListenerHandover::~ListenerHandover() {
  if (door_) ::unlink(at_.c_str());
}

Result<void> ListenerHandover::give(Descriptor listener, const ProcessId& to, Deadline deadline) {
  const Descriptor process(open_process(to));
  while (process) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.remaining()).count();
    pollfd watched[] = {{door_.get(), POLLIN, 0}, {process.get(), POLLIN, 0}};
    const int ready = ::poll(watched, 2, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return from_errno(errno, "cannot wait for the container to ask for its socket");
    if (ready == 0)
      return timeout("the container does not ask for its socket; is its first process isa-runtime?");
    if (watched[0].revents == 0) break;
    const Descriptor peer(::accept4(door_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (peer && is_from(peer.get(), to)) return send_descriptor(peer.get(), listener.get());
  }
  return conflict("the container ended before it asked for its socket");
}

}  // namespace isa::cloud_os::docker
