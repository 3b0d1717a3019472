// What a caller asks for, checked: everything here comes from outside of the sandbox.
#pragma once

#include "base/result.h"
#include "sdk/exec_protocol.h"

#include <map>
#include <string>
#include <vector>

namespace isa::runtime {

using Environment = std::map<std::string, std::string>;

Result<sdk::ExecStart> parse_exec_start(std::string_view body);
Result<sdk::TerminalSize> parse_terminal_size(std::string_view body);
// The number of a signal that may be sent.
Result<int> parse_exec_signal(std::string_view body);
// The bytes of an input, whichever way they were sent. At most 1 MiB.
Result<std::string> input_bytes(const sdk::ExecInput& input, std::string_view at);

// argv as it is to be executed: a shell's for a line, and with the path of a program that was given by name,
// looked up in env's PATH. validation_error when there is no such program.
Result<std::vector<std::string>> executable_argv(const sdk::ExecStart& start, const Environment& env);

}  // namespace isa::runtime
