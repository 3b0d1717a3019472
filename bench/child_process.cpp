#include "child_process.h"

#include "http.h"

#include <cstdio>
#include <memory>
#include <spawn.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace isa::bench {
namespace {

// Its standard output goes to `out`, or nowhere.
pid_t spawn(std::vector<std::string> command, int out) {
  std::vector<char*> argv;
  for (auto& argument : command) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out >= 0 ? out : 2, 1);
  pid_t pid = -1;
  if (posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ) != 0)
    die("cannot start " + command[0]);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

}  // namespace

pid_t start(std::vector<std::string> command) {
  return spawn(std::move(command), -1);
}

pid_t start_and_await_output(std::vector<std::string> command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) die("cannot make a pipe");
  const auto name = command[0];
  const pid_t pid = spawn(std::move(command), ends[1]);
  close(ends[1]);
  char byte;
  if (read(ends[0], &byte, 1) != 1) die(name + " ended without a word");
  close(ends[0]);
  return pid;
}

void await_end(pid_t pid) {
  waitpid(pid, nullptr, 0);
}

std::string output_of(const std::string& shell_command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(shell_command.c_str(), "r"), pclose);
  std::string text;
  char chunk[4096];
  while (pipe)
    if (const auto got = std::fread(chunk, 1, sizeof chunk, pipe.get()); got > 0)
      text.append(chunk, got);
    else
      break;
  return text;
}

}  // namespace isa::bench
