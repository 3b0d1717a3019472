// One command that runs, or ran, in the sandbox (sdk/exec_protocol.h).
#pragma once

#include "base/deadline.h"
#include "base/signal.h"
#include "net/http.h"
#include "runtime/exec/exec_request.h"
#include "sdk/tools/child.h"
#include "sdk/tools/output_ring.h"

#include <list>
#include <memory>

namespace isa::runtime {

// Lives on one event loop, and as long as somebody reads it or the table keeps it. Its command dies with it.
class Exec {
 public:
  Exec(const asio::any_io_executor& executor, std::string id, const sdk::ExecStart& start,
       std::vector<std::string> argv, std::string cwd);
  Exec(const Exec&) = delete;

  // To be called once. `env` is all of the command's environment, `folder` its working directory.
  Result<void> start(const asio::any_io_executor& executor, std::shared_ptr<sdk::ProcessTable> processes,
                     const Environment& env, int folder);
  // Both are to be spawned after a start: until the command has ended, and until its input is written.
  static Task<void> run(std::shared_ptr<Exec> exec);
  static Task<void> feed(std::shared_ptr<Exec> exec);

  // Writes the stream from that position on, until the command has ended or the reader leaves.
  static Task<void> stream(std::shared_ptr<Exec> exec, std::uint64_t after, net::BodyWriter& to);

  sdk::ExecState state() const;
  bool has_ended() const { return exit_.has_value(); }
  const std::string& id() const { return id_; }
  std::size_t kept_bytes() const { return ring_.size(); }

  // conflict when the command has ended, has no input, or takes none while 1 MiB waits for it.
  Result<void> write(std::string bytes, bool is_last);
  // To its whole process group.
  Result<void> signal(int number);
  Result<void> resize(sdk::TerminalSize size);

 private:
  class Place;

  void take(sdk::OutputRing::Stream stream, std::string& held, std::string_view piece);
  Task<void> room();
  bool overtakes_a_reader() const;
  void settle(sdk::ChildEnd end, bool is_late);
  Result<void> must_run() const;
  void end_input();

  std::string id_, cwd_;
  std::vector<std::string> argv_;
  std::optional<std::string> tag_;
  std::optional<sdk::TerminalSize> terminal_;
  Timestamp started_at_;
  Deadline::Clock::time_point begin_;
  Deadline deadline_;
  std::unique_ptr<sdk::Child> child_;  // Until it has ended.
  std::int64_t pid_ = 0;
  bool takes_input_ = false;
  std::string input_;  // Not written yet.
  bool input_ends_ = false;
  sdk::OutputRing ring_;
  std::string held_out_, held_err_;   // The beginning of a character whose rest has not arrived.
  std::list<std::uint64_t> readers_;  // How far each one is.
  std::optional<sdk::ExecExit> exit_;
  Signal changed_, fed_;
};

}  // namespace isa::runtime
