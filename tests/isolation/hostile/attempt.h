// One try of a hostile program to get out of its sandbox, by name.
//
// Every attempt runs in a child of its own with a time limit, so that one that crashes, is killed or hangs is
// a line of the report like any other. What it got is the name of an error of the kernel ("EPERM"), "allowed"
// when the forbidden thing happened, or a word of the attempt's own; the suite in JavaScript holds every line
// against what it expects.
#pragma once

#include <cerrno>
#include <map>
#include <string>
#include <vector>

namespace hostile {

// What the suite tells the program of the world outside.
using Targets = std::map<std::string, std::string>;

struct Got {
  std::string what;  // "allowed", an error's name, or a word.
  std::string more;  // For people.
};

struct Attempt {
  std::string name;
  Got (*run)(const Targets&);
};

Got allowed(std::string more = {});
Got refused(int error, std::string more = {});
// By the result of a system call: negative is a refusal with errno.
Got by_result(long result);
std::string error_name(int error);

// Of targets[name]; an attempt without its target says so, and the suite fails.
std::string target(const Targets& targets, const std::string& name);
std::vector<std::string> split(const std::string& text, char by);

// Opens, and reads or writes a byte.
Got try_read(const std::string& path);
Got try_write(const std::string& path, const std::string& text);

// The groups; each in a file of its own.
std::vector<Attempt> files();
std::vector<Attempt> processes();
std::vector<Attempt> network();
std::vector<Attempt> broker();
std::vector<Attempt> kernel();
std::vector<Attempt> exhaust();
std::vector<Attempt> leave_behind();

}  // namespace hostile
