// The first process of the sandboxes of tests: answers GET /health, and runs what is posted to /sh as a shell
// command inside, so that a test can look at the world from there. Other posts: /loud (its output goes to the
// log), /exit/<code>, /eat/<megabytes>, /endless (an event that goes on for as long as somebody listens).
// With TEST_RUNTIME_SLEEPS_S in its environment it sleeps that long before it serves.
#include "take_listener.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int kListenFd = 3;

std::string run_shell(const std::string& command) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    close(ends[0]);
    close(ends[1]);
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  std::string output;
  char bytes[4096];
  for (ssize_t count = 0; (count = read(ends[0], bytes, sizeof bytes)) > 0;)
    output.append(bytes, static_cast<std::size_t>(count));
  close(ends[0]);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return output + "no child";
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output + "[" + std::to_string(code) + "]";
}

void eat(std::size_t megabytes) {
  for (std::size_t i = 0; i < megabytes; ++i) {
    auto* bytes = static_cast<char*>(std::malloc(1 << 20));
    if (bytes) std::memset(bytes, 1, 1 << 20);
    __asm__ volatile("" : : "r"(bytes) : "memory");  // Not to be optimised away.
  }
}

std::string answer(const std::string& path, const std::string& body) {
  if (path == "/health") return R"({"status":"ready"})";
  if (path == "/sh") return run_shell(body);
  if (path == "/loud") return std::to_string(std::system(body.c_str()));
  if (path.rfind("/exit/", 0) == 0) _exit(std::atoi(path.c_str() + 6));
  if (path.rfind("/eat/", 0) == 0) eat(std::strtoul(path.c_str() + 5, nullptr, 10));
  return "done";
}

void write_all(int peer, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t count = write(peer, text.data() + at, text.size() - at);
    if (count <= 0) _exit(0);
    at += static_cast<std::size_t>(count);
  }
}

// In a child, so that the next one is served meanwhile.
void speak_without_end(int peer) {
  if (fork() != 0) return;
  signal(SIGPIPE, SIG_IGN);
  write_all(peer, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\ndata: ");
  for (;;) write_all(peer, std::string(1 << 20, 'a'));
}

void serve(int peer) {
  std::string request;
  char bytes[4096];
  std::size_t head_end = std::string::npos;
  std::size_t length = 0;
  while (head_end == std::string::npos || request.size() < head_end + 4 + length) {
    const ssize_t count = read(peer, bytes, sizeof bytes);
    if (count <= 0) return;
    request.append(bytes, static_cast<std::size_t>(count));
    head_end = request.find("\r\n\r\n");
    const auto field = request.find("Content-Length: ");
    if (field != std::string::npos && field < head_end)
      length = std::strtoul(request.c_str() + field + 16, nullptr, 10);
  }
  const auto from = request.find(' ') + 1;
  if (request.compare(from, 8, "/endless") == 0) return speak_without_end(peer);
  const std::string body =
      answer(request.substr(from, request.find(' ', from) - from), request.substr(head_end + 4));
  const std::string head =
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  const std::string whole = head + body;
  for (std::size_t at = 0; at < whole.size();) {
    const ssize_t count = write(peer, whole.data() + at, whole.size() - at);
    if (count <= 0) return;
    at += static_cast<std::size_t>(count);
  }
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  if (!isa::testing::take_listener(argc, argv, kListenFd)) return 1;
  if (const auto* seconds = std::getenv("TEST_RUNTIME_SLEEPS_S"))
    sleep(static_cast<unsigned>(std::atoi(seconds)));  // Long enough that nobody waits for it.
  std::printf("test runtime: up\n");
  std::fflush(stdout);
  for (;;) {
    const int peer = accept(kListenFd, nullptr, nullptr);
    if (peer < 0) {
      if (errno == EINTR) continue;
      return 1;
    }
    serve(peer);
    close(peer);
  }
}
