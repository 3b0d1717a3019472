#include "runtime/program_test.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace isa::runtime {
namespace {

// A port that nobody used a moment ago.
std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool bound = ::bind(fd, generic, size) == 0 && ::getsockname(fd, generic, &size) == 0;
  ::close(fd);
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

int listen_at(const std::filesystem::path& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 16) != 0)
    throw std::runtime_error("cannot listen");
  return fd;
}

}  // namespace

Program::Program(const std::filesystem::path& folder, bool by_inherited_socket)
    : model_port_(free_port()), proxy_port_(free_port()) {
  std::filesystem::create_directories(folder / "workspace");
  const auto control = folder / "control";
  std::vector<std::string> argv = {
      ISA_RUNTIME_PROGRAM,        "--broker",     folder / "broker",           "--workspace",
      folder / "workspace",       "--model-port", std::to_string(model_port_), "--proxy-port",
      std::to_string(proxy_port_)};
  if (!by_inherited_socket) argv.insert(argv.end(), {"--listen", "unix:" + control.string()});
  const int socket = by_inherited_socket ? listen_at(control) : -1;
  std::vector<char*> pointers;
  for (auto& argument : argv) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  ::setenv("ISA_TEST_INHERITED", "yes", 1);

  pid_ = ::fork();
  if (pid_ == 0) {
    if (socket == 3)
      ::fcntl(socket, F_SETFD, 0);
    else if (socket >= 0)
      ::dup2(socket, 3);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  if (socket >= 0) ::close(socket);
  if (pid_ < 0) throw std::runtime_error("cannot fork");
}

Program::~Program() {
  ::kill(pid_, SIGTERM);
  if (!ends(pid_)) ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool is_running(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string number, name, state;
  file >> number >> name >> state;
  return file && state != "Z" && state != "X";
}

bool ends(pid_t pid) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return true;  // Ended and reaped.
  pollfd ended{.fd = fd, .events = POLLIN, .revents = 0};
  const bool in_time = ::poll(&ended, 1, 10'000) == 1;
  ::close(fd);
  return in_time;
}

}  // namespace isa::runtime
