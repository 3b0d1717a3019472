// Programs that a benchmark starts beside the platform, without a shell between the clock and them.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace isa::bench {

// What it writes goes nowhere. A program that cannot be started ends the benchmark.
pid_t start(std::vector<std::string> command);

// Starts it, returns when the first byte of its output is there, and leaves it to finish.
pid_t start_and_await_output(std::vector<std::string> command);

void await_end(pid_t pid);

// What a command prints; empty when it fails.
std::string output_of(const std::string& shell_command);

}  // namespace isa::bench
