// Commands in a sandbox, as the runtime serves them over the sandbox's own socket and cloud_os passes them
// on.
//
//   POST /exec                  ExecStart -> the stream of the command; with `background`: 201 ExecState at once.
//                               ?id= names it: exec_ and 26 characters; conflict when there is one of that name
//   GET  /exec                  ExecList: those that run, and the last that ended
//   GET  /exec/{id}             ExecState. {id} is an exec_id, or the pid of one that runs
//   GET  /exec/{id}/output      the stream, from ?after= or Last-Event-ID on
//   POST /exec/{id}/stdin       ExecInput -> ExecState
//   POST /exec/{id}/signal      ExecSignal -> ExecState
//   POST /exec/{id}/resize      TerminalSize -> ExecState
//
// The stream is server-sent events:
//
//          event: start         ExecState
//   id: N  event: stdout        ExecData; likewise stderr. A terminal has stdout alone
//          event: lost          ExecLost: so much output is no longer kept
//   id: N  event: exit          ExecExit; always the last one
//          event: error         {"code","message"}; of cloud_os, when the sandbox is gone
//
// N is a position: it counts the bytes of output, of both streams, up to and with that event; the exit counts
// as one more. A reader that comes back with the last N that it saw gets what follows, each byte once. A
// stream that ends without an exit was cut off: the command may run on. A command goes on without readers;
// one that reads is never overtaken by the output, because the command waits for it.
#pragma once

#include "base/json.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace isa::sdk {

struct TerminalSize {
  using json_defaults = void;
  std::int64_t cols = 80;  // 1-1000, both.
  std::int64_t rows = 24;
};
BOOST_DESCRIBE_STRUCT(TerminalSize, (), (cols, rows))

// Bytes travel as `data` where they are UTF-8 and as `data_base64` where they are not; a sender may choose
// either.
struct ExecData {
  std::optional<std::string> data;
  std::optional<std::string> data_base64;
};
BOOST_DESCRIBE_STRUCT(ExecData, (), (data, data_base64))

struct ExecInput {
  std::optional<std::string> data;
  std::optional<std::string> data_base64;
  std::optional<bool> eof;  // Nothing follows.
};
BOOST_DESCRIBE_STRUCT(ExecInput, (), (data, data_base64, eof))

struct ExecStart {
  std::optional<std::string> command;            // A line for the shell; this or argv.
  std::optional<std::vector<std::string>> argv;  // argv[0] is a path, or is looked up in PATH.
  std::optional<std::string> cwd;                // Relative to /workspace, which is the default.
  std::optional<std::map<std::string, std::string>> env;
  std::optional<ExecInput> stdin_;  // With it, also with {}, standard input stays open; without, it is empty.
  std::optional<TerminalSize> pty;  // With it, a terminal is standard input, output and error.
  std::optional<std::int64_t> timeout_s;  // 1-86400; then the command is killed. None: it ends by itself.
  std::optional<bool> background;
  std::optional<std::string> tag;  // The caller's own name for it.
};
BOOST_DESCRIBE_STRUCT(ExecStart, (), (command, argv, cwd, env, stdin_, pty, timeout_s, background, tag))

struct ExecExit {
  std::optional<std::int64_t> code;
  std::optional<std::int64_t> signal;
  std::string reason;  // "exited", "signaled", "timeout"
  std::int64_t duration_ms = 0;
};
BOOST_DESCRIBE_STRUCT(ExecExit, (), (code, signal, reason, duration_ms))

struct ExecState {
  std::string exec_id;
  std::int64_t pid = 0;  // In the sandbox.
  std::vector<std::string> argv;
  std::string cwd;
  std::optional<std::string> tag;
  bool pty = false;
  Timestamp started_at;
  std::int64_t output_begin = 0;  // Positions: of the oldest byte that is kept, and behind the last one.
  std::int64_t output_end = 0;
  std::optional<ExecExit> exit;  // None: it runs.
};
BOOST_DESCRIBE_STRUCT(ExecState, (),
                      (exec_id, pid, argv, cwd, tag, pty, started_at, output_begin, output_end, exit))

struct ExecList {
  std::vector<ExecState> execs;
};
BOOST_DESCRIBE_STRUCT(ExecList, (), (execs))

struct ExecLost {
  std::int64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(ExecLost, (), (bytes))

struct ExecSignal {
  std::string signal;  // A name, with or without SIG, or a number: "SIGTERM", "INT", "9".
};
BOOST_DESCRIBE_STRUCT(ExecSignal, (), (signal))

}  // namespace isa::sdk
