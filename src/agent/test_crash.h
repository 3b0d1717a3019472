// Test support: a process of its own that does something until it is killed with SIGKILL.
#pragma once

#include "base/testing.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

namespace isa::agent::testing {

// A pipe through which the doomed process says what its client has seen.
struct Pipe {
  Pipe() {
    if (::pipe(ends) != 0) std::abort();
  }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  int ends[2];
};

inline void tell(int to, std::string_view text) {
  if (::write(to, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
}

struct Seen {
  std::string run;
  std::string stream;
};

// `life` is what the process does until it is killed, once it has written to the pipe.
inline Seen run_and_kill(const std::function<Task<void>(int report)>& life) {
  const Pipe pipe;
  const auto child = ::fork();
  if (child == 0) {
    isa::testing::run(life(pipe.ends[1]));
    ::_exit(4);
  }
  std::string text;
  char c = 0;
  while (::read(pipe.ends[0], &c, 1) == 1 && c != '\0') text += c;
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  const auto newline = text.find('\n');
  return {text.substr(0, newline), text.substr(newline + 1)};
}

}  // namespace isa::agent::testing
