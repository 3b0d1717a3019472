#include "cloud_os/unix_listener.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace isa::cloud_os {

Result<Descriptor> listen_unix(const std::filesystem::path& path, mode_t mode) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path)
    return failed_dependency("the socket path {} is longer than {} bytes; use a shorter data folder",
                             path.string(), sizeof address.sun_path - 1);
  std::memcpy(address.sun_path, path.c_str(), path.native().size());
  ::unlink(path.c_str());
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // The folder is closed to others until the mode is right: nobody connects in between who should not.
  if (!socket || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), mode) != 0 || ::listen(socket.get(), SOMAXCONN) != 0)
    return from_errno(errno, fmt::format("cannot listen on {}", path.string()));
  return socket;
}

}  // namespace isa::cloud_os
