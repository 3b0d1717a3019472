#include "runtime/exec/exec_request.h"

#include "base/base64.h"
#include "runtime/runtime.h"

#include <charconv>
#include <csignal>

#include <unistd.h>

namespace isa::runtime {
namespace {

constexpr std::size_t kCommandMax = 120 << 10;  // Bytes. The kernel's limit for one argument is 128 kB.
constexpr std::size_t kInputMax = 1 << 20;
constexpr std::int64_t kTimeoutMax = std::int64_t{24} * 3600;

bool has_zero(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

Result<void> check_words(const sdk::ExecStart& from) {
  if (from.command.has_value() == from.argv.has_value())
    return validation_error("give either `command`, a line for the shell, or `argv`").with_param("/command");
  if (from.command) {
    if (from.command->empty() || from.command->size() > kCommandMax || has_zero(*from.command))
      return validation_error(
                 "/command: must have 1 to {} bytes and no zero byte; write a script file instead",
                 kCommandMax)
          .with_param("/command");
    return ok();
  }
  std::size_t size = 0;
  for (const auto& word : *from.argv) {
    if (has_zero(word) || word.size() > kCommandMax)
      return validation_error("/argv: an argument has at most {} bytes and no zero byte", kCommandMax)
          .with_param("/argv");
    size += word.size() + 1;
  }
  if (from.argv->empty() || from.argv->front().empty() || size > (1 << 20))
    return validation_error("/argv: must begin with a program and have at most 1 MiB").with_param("/argv");
  return ok();
}

Result<void> check_size(const sdk::TerminalSize& size, std::string_view at) {
  for (const auto number : {size.cols, size.rows})
    if (number < 1 || number > 1000)
      return validation_error("{}: cols and rows must be from 1 to 1000", at).with_param(std::string(at));
  return ok();
}

struct Named {
  std::string_view name;
  int number;
};
constexpr Named kSignals[] = {{"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT},   {"KILL", SIGKILL},
                              {"TERM", SIGTERM}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2},   {"STOP", SIGSTOP},
                              {"TSTP", SIGTSTP}, {"CONT", SIGCONT}, {"WINCH", SIGWINCH}, {"ABRT", SIGABRT},
                              {"ALRM", SIGALRM}, {"PIPE", SIGPIPE}};

}  // namespace

Result<sdk::ExecStart> parse_exec_start(std::string_view body) {
  ISA_TRY(auto start, json::parse_as<sdk::ExecStart>(body));
  ISA_TRYV(check_words(start));
  if (start.env) ISA_TRYV(check_environment(*start.env));
  if (start.cwd && (start.cwd->empty() || has_zero(*start.cwd)))
    return validation_error("/cwd: must be a path").with_param("/cwd");
  if (start.timeout_s && (*start.timeout_s < 1 || *start.timeout_s > kTimeoutMax))
    return validation_error("/timeout_s: must be from 1 to {}", kTimeoutMax).with_param("/timeout_s");
  if (start.tag && start.tag->size() > 128)
    return validation_error("/tag: must have at most 128 bytes").with_param("/tag");
  if (start.pty) ISA_TRYV(check_size(*start.pty, "/pty"));
  if (start.stdin_) ISA_TRYV(input_bytes(*start.stdin_, "/stdin"));
  return start;
}

Result<sdk::TerminalSize> parse_terminal_size(std::string_view body) {
  ISA_TRY(const auto size, json::parse_as<sdk::TerminalSize>(body));
  ISA_TRYV(check_size(size, ""));
  return size;
}

Result<int> parse_exec_signal(std::string_view body) {
  ISA_TRY(const auto wanted, json::parse_as<sdk::ExecSignal>(body));
  std::string_view name = wanted.signal;
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (const auto& one : kSignals)
    if (one.name == name) return one.number;
  int number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error == std::errc() && end == name.data() + name.size() && number >= 1 && number <= SIGRTMAX)
    return number;
  return validation_error("/signal: '{}' is no signal; send a name such as SIGTERM, or a number",
                          wanted.signal)
      .with_param("/signal");
}

Result<std::string> input_bytes(const sdk::ExecInput& input, std::string_view at) {
  const auto wrong = [&](std::string_view what) {
    return validation_error("{}: {}", at, what).with_param(std::string(at));
  };
  if (input.data && input.data_base64) return wrong("send `data` or `data_base64`, not both");
  std::string bytes = input.data.value_or("");
  if (input.data_base64) {
    auto decoded = from_base64(*input.data_base64);
    if (!decoded) return wrong(decoded.error().message());
    bytes = std::move(*decoded);
  }
  if (bytes.size() > kInputMax) return wrong("at most 1 MiB can be sent at once");
  return bytes;
}

Result<std::vector<std::string>> executable_argv(const sdk::ExecStart& start, const Environment& env) {
  if (start.command) {
    const bool has_bash = ::access("/bin/bash", X_OK) == 0;  // Small images have none.
    return std::vector<std::string>{has_bash ? "/bin/bash" : "/bin/sh", "-c", *start.command};
  }
  auto argv = *start.argv;
  if (argv.front().find('/') != std::string::npos) return argv;
  const auto path = env.find("PATH");
  std::string_view rest = path == env.end() ? std::string_view() : path->second;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(':'), rest.size());
    const std::string candidate = std::string(rest.substr(0, end)) + "/" + argv.front();
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (candidate.starts_with('/') && ::access(candidate.c_str(), X_OK) == 0) {
      argv.front() = candidate;
      return argv;
    }
  }
  return validation_error("the program {} is not in the PATH of the sandbox", argv.front())
      .with_param("/argv");
}

}  // namespace isa::runtime
