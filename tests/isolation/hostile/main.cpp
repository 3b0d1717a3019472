// isa-hostile: what a program that means harm does once it is in a sandbox.
//
//   isa-hostile list                        the names of all attempts, one a line: group/name
//   isa-hostile GROUP[/NAME] FILE           makes the attempts, one JSON line each; FILE holds name=value
//   lines
#include "attempt.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hostile {

Got allowed(std::string more) {
  return {"allowed", std::move(more)};
}

Got refused(int error, std::string more) {
  return {error_name(error), std::move(more)};
}

Got by_result(long result) {
  return result < 0 ? refused(errno) : allowed(std::to_string(result));
}

std::string error_name(int error) {
  const char* name = strerrorname_np(error);
  return name ? name : "errno " + std::to_string(error);
}

std::string target(const Targets& targets, const std::string& name) {
  const auto found = targets.find(name);
  return found == targets.end() ? "" : found->second;
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = std::min(text.find(by, at), text.size());
    if (end > at) parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

Got try_read(const std::string& path) {
  if (path.empty()) return {"no target", ""};
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return refused(errno, path);
  char byte = 0;
  const ssize_t count = read(fd, &byte, 1);
  const int error = errno;
  close(fd);
  if (count < 0 && error == EISDIR) return allowed(path + " is an open folder");
  if (count < 0) return refused(error, path);
  return count == 0 ? Got{"empty", path} : allowed(path);
}

Got try_write(const std::string& path, const std::string& text) {
  if (path.empty()) return {"no target", ""};
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return refused(errno, path);
  const Got got = by_result(write(fd, text.data(), text.size()));
  close(fd);
  return {got.what, path};
}

namespace {

constexpr unsigned kSecondsMax = 20;

struct Group {
  const char* name;
  std::vector<Attempt> (*attempts)();
};
constexpr Group kGroups[] = {{"files", files},       {"processes", processes}, {"network", network},
                             {"broker", broker},     {"kernel", kernel},       {"exhaust", exhaust},
                             {"leave", leave_behind}};

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string read_all(int fd) {
  std::string text;
  char bytes[4096];
  for (ssize_t count = 0; (count = read(fd, bytes, sizeof bytes)) > 0;)
    text.append(bytes, static_cast<std::size_t>(count));
  return text;
}

// In a child; it writes "what\0more" into the pipe, unless something ends it first.
Got make(const Attempt& attempt, const Targets& targets) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {"no pipe", error_name(errno)};
  const pid_t child = fork();
  if (child < 0) return {"no child", error_name(errno)};
  if (child == 0) {
    alarm(kSecondsMax);
    const Got got = attempt.run(targets);
    const std::string said = got.what + '\0' + got.more;
    const bool written = write(ends[1], said.data(), said.size()) == static_cast<ssize_t>(said.size());
    _exit(written ? 0 : 1);
  }
  close(ends[1]);
  const std::string said = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    return {std::string("killed by SIG") + sigabbrev_np(WTERMSIG(status)), said.c_str()};
  const auto gap = said.find('\0');
  if (gap == std::string::npos) return {"no answer", said};
  return {said.substr(0, gap), said.substr(gap + 1)};
}

int list() {
  for (const auto& group : kGroups)
    for (const auto& attempt : group.attempts()) std::printf("%s/%s\n", group.name, attempt.name.c_str());
  return 0;
}

int make_all(const std::string& wanted, const Targets& targets) {
  int made = 0;
  for (const auto& group : kGroups)
    for (const auto& attempt : group.attempts()) {
      const std::string name = std::string(group.name) + "/" + attempt.name;
      if (name != wanted && group.name != wanted) continue;
      const Got got = make(attempt, targets);
      std::printf("{\"attempt\":%s,\"got\":%s,\"more\":%s}\n", quoted(name).c_str(), quoted(got.what).c_str(),
                  quoted(got.more.substr(0, 300)).c_str());
      std::fflush(stdout);
      ++made;
    }
  return made > 0 ? 0 : 2;
}

}  // namespace
}  // namespace hostile

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  const std::string wanted = argc > 1 ? argv[1] : "";
  if (wanted == "list") return hostile::list();
  if (argc != 3) return 2;
  hostile::Targets targets;
  std::ifstream file(argv[2]);
  for (std::string line; std::getline(file, line);) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) return 2;
    targets[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return hostile::make_all(wanted, targets);
}
