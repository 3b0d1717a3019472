// A Redis server of a test's own: on a Unix socket in a folder of its own, ended by its process id.
#pragma once

#include "base/testing.h"

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace isa::store::redis::testing {

class TestServer {
 public:
  // False where Debian's redis-server is not installed.
  static bool is_possible() {
    const std::string_view path = std::getenv("PATH") ? std::getenv("PATH") : "";
    for (std::size_t begin = 0; begin <= path.size();) {
      const auto end = std::min(path.find(':', begin), path.size());
      if (access((std::string(path.substr(begin, end - begin)) + "/redis-server").c_str(), X_OK) == 0)
        return true;
      begin = end + 1;
    }
    return false;
  }

  explicit TestServer(std::vector<std::string> more = {}) : more_(std::move(more)) { start(); }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer() { kill(); }

  std::string socket() const { return folder_ / "redis.sock"; }
  std::string url() const { return "unix:" + socket(); }

  // Returns when it accepts connections. Whatever was acknowledged before a kill() is there again.
  void start() {
    int out[2];
    if (pipe(out) != 0) throw std::runtime_error("no pipe for redis-server");
    pid_ = fork();
    if (pid_ == 0) become_server(out[1]);
    close(out[1]);
    out_ = out[0];
    std::string log;
    char buffer[4096];
    while (log.find("eady to accept connections") == std::string::npos) {
      const auto count = read(out_, buffer, sizeof buffer);
      if (count <= 0) throw std::runtime_error("redis-server does not start: " + log);
      log.append(buffer, static_cast<std::size_t>(count));
    }
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    close(out_);
    pid_ = 0;
  }
  void kill_and_lose_data() {
    kill();
    std::filesystem::remove_all(folder_ / "appendonlydir");
  }
  // It is there and answers nobody.
  void pause() { ::kill(pid_, SIGSTOP); }
  void go_on() { ::kill(pid_, SIGCONT); }

 private:
  [[noreturn]] void become_server(int out) const {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, 1);
    dup2(out, 2);
    std::vector<std::string> words{"redis-server",
                                   "--port",
                                   "0",
                                   "--unixsocket",
                                   socket(),
                                   "--dir",
                                   folder_.path(),
                                   "--appendonly",
                                   "yes",
                                   "--appendfsync",
                                   "always",
                                   "--save",
                                   ""};
    words.insert(words.end(), more_.begin(), more_.end());
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }

  isa::testing::TempFolder folder_;
  std::vector<std::string> more_;
  pid_t pid_ = 0;
  int out_ = -1;  // Its log; kept open so that it may go on writing.
};

}  // namespace isa::store::redis::testing
