#include "runtime/exec/exec.h"

#include "base/base64.h"
#include "base/utf8.h"
#include "net/sse.h"
#include "sdk/tools/child_output.h"

#include <boost/asio/buffer.hpp>

#include <algorithm>

namespace isa::runtime {
namespace {

constexpr std::size_t kRingBytes = 256 << 10;
constexpr std::size_t kInputWaitingMax = 1 << 20;
constexpr std::chrono::seconds kSilenceMax{10};
constexpr char kEndOfInput = 0x04;  // What a terminal takes for it.

using Stream = sdk::OutputRing::Stream;

sdk::ExecData data_of(std::string_view bytes) {
  if (is_utf8(bytes)) return {.data = std::string(bytes), .data_base64 = {}};
  return {.data = {}, .data_base64 = to_base64(bytes)};
}

template <class Body>
std::string event_text(std::string name, const Body& body, std::uint64_t id = 0) {
  const net::SseEvent event{.id = id == 0 ? std::string() : std::to_string(id),
                            .event = std::move(name),
                            .data = json::serialize(json::write(body))};
  return net::format_sse(event);
}

}  // namespace

// Where a reader is; while it stands, the command waits for it.
class Exec::Place {
 public:
  Place(Exec& exec, std::uint64_t at) : exec_(exec), at_(exec.readers_.insert(exec.readers_.end(), at)) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    exec_.readers_.erase(at_);
    exec_.changed_.notify();
  }
  void move_to(std::uint64_t position) {
    *at_ = position;
    exec_.changed_.notify();
  }

 private:
  Exec& exec_;
  std::list<std::uint64_t>::iterator at_;
};

Exec::Exec(const asio::any_io_executor& executor, std::string id, const sdk::ExecStart& start,
           std::vector<std::string> argv, std::string cwd)
    : id_(std::move(id)),
      cwd_(std::move(cwd)),
      argv_(std::move(argv)),
      tag_(start.tag),
      terminal_(start.pty),
      started_at_(now()),
      begin_(Deadline::Clock::now()),
      deadline_(start.timeout_s ? Deadline::after(std::chrono::seconds(*start.timeout_s))
                                : Deadline::never()),
      takes_input_(start.stdin_ || start.pty),
      ring_(kRingBytes),
      changed_(executor),
      fed_(executor) {
  if (!start.stdin_) return;
  input_ = input_bytes(*start.stdin_, "/stdin").value_or("");
  if (start.stdin_->eof.value_or(false)) end_input();
}

Result<void> Exec::start(const asio::any_io_executor& executor, std::shared_ptr<sdk::ProcessTable> processes,
                         const Environment& env, int folder) {
  sdk::Command command{
      .argv = argv_,
      .folder = folder,
      .has_input = takes_input_,
      .terminal = terminal_ ? std::optional(sdk::TerminalShape{static_cast<unsigned short>(terminal_->cols),
                                                               static_cast<unsigned short>(terminal_->rows)})
                            : std::nullopt};
  for (const auto& [name, value] : env) command.env.push_back(name + "=" + value);
  ISA_TRY(child_, sdk::Child::spawn(executor, std::move(processes), command));
  pid_ = child_->pid();
  return ok();
}

Task<void> Exec::run(std::shared_ptr<Exec> exec) {
  const sdk::OutputSinks sinks{
      .out = [exec](std::string_view piece) { exec->take(Stream::out, exec->held_out_, piece); },
      .err = [exec](std::string_view piece) { exec->take(Stream::err, exec->held_err_, piece); },
      .room = [exec] { return exec->room(); }};
  std::optional<sdk::ChildEnd> end;
  auto running = sdk::run_to_end(*exec->child_, sinks, end);
  co_await finished_before(exec->deadline_, std::move(running));
  const bool is_late = !end;
  if (is_late) {
    exec->child_->kill_group();
    end = co_await exec->child_->wait();
  }
  sdk::drain(*exec->child_, sinks);
  exec->settle(*end, is_late);
}

void Exec::settle(sdk::ChildEnd end, bool is_late) {
  ring_.append(Stream::out, held_out_);
  ring_.append(Stream::err, held_err_);
  sdk::ExecExit exit;
  exit.reason = is_late ? "timeout" : end.signal ? "signaled" : "exited";
  if (end.signal)
    exit.signal = *end.signal;
  else
    exit.code = end.code;
  exit.duration_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::Clock::now() - begin_).count();
  exit_ = std::move(exit);
  child_.reset();
  input_.clear();
  changed_.notify();
  fed_.notify();
}

void Exec::take(Stream stream, std::string& held, std::string_view piece) {
  held += piece;
  const auto whole = held.size() - unfinished_utf8(held);
  ring_.append(stream, std::string_view(held).substr(0, whole));
  held.erase(0, whole);
  changed_.notify();
}

// The output never overtakes a reader that is still there: what the ring would drop, it has seen.
Task<void> Exec::room() {
  while (overtakes_a_reader()) co_await changed_.wait();
}

bool Exec::overtakes_a_reader() const {
  return std::ranges::any_of(readers_,
                             [this](std::uint64_t at) { return at + kRingBytes / 2 < ring_.end(); });
}

Task<void> Exec::feed(std::shared_ptr<Exec> exec) {
  if (!exec->takes_input_) co_return;
  while (exec->child_) {
    auto& in = exec->child_->in();
    if (exec->input_.empty() && exec->input_ends_) {
      boost::system::error_code ignored;
      in.close(ignored);
      co_return;
    }
    if (exec->input_.empty()) {
      co_await exec->fed_.wait();
      continue;
    }
    const std::string piece = exec->input_.substr(0, 16 << 10);
    const auto buffer = asio::buffer(piece);
    const auto [failed, size] = co_await in.async_write_some(buffer, no_throw);
    if (failed || !exec->child_) break;
    exec->input_.erase(0, size);
  }
  // Nobody reads it any more.
  exec->takes_input_ = false;
  exec->input_.clear();
}

Task<void> Exec::stream(std::shared_ptr<Exec> exec, std::uint64_t after, net::BodyWriter& to) {
  auto text = event_text("start", exec->state());
  const auto& ring = exec->ring_;
  Place place(*exec, std::max(after, ring.begin()));
  for (;;) {
    if (after < ring.begin()) {
      const sdk::ExecLost lost{static_cast<std::int64_t>(ring.begin() - after)};
      text += event_text("lost", lost);
      after = ring.begin();
    }
    bool is_over = false;
    if (const auto piece = ring.next(after)) {
      after = piece->end;
      text += event_text(piece->stream == Stream::out ? "stdout" : "stderr", data_of(piece->bytes), after);
    } else if (exec->exit_) {
      is_over = true;
      if (after == ring.end()) text += event_text("exit", *exec->exit_, after + 1);
    } else if (text.empty()) {
      const auto changes = exec->changed_.changes();
      co_await exec->changed_.wait(Deadline::after(kSilenceMax));
      if (exec->changed_.changes() == changes) text = net::kSseHeartbeat;
      if (text.empty()) continue;
    }
    if (const auto written = co_await to.write(std::exchange(text, {})); !written || is_over) co_return;
    place.move_to(std::max(after, ring.begin()));
  }
}

sdk::ExecState Exec::state() const {
  sdk::ExecState state;
  state.exec_id = id_;
  state.pid = pid_;
  state.argv = argv_;
  state.cwd = cwd_;
  state.tag = tag_;
  state.pty = terminal_.has_value();
  state.started_at = started_at_;
  state.output_begin = static_cast<std::int64_t>(ring_.begin());
  state.output_end = static_cast<std::int64_t>(ring_.end());
  state.exit = exit_;
  return state;
}

Result<void> Exec::must_run() const {
  if (!child_) return conflict("the command {} has ended", id_).with_code("exec_ended");
  return ok();
}

Result<void> Exec::write(std::string bytes, bool is_last) {
  ISA_TRYV(must_run());
  if (!takes_input_ || input_ends_)
    return conflict("the command {} has no open standard input; start it with `stdin` or `pty`", id_)
        .with_code("stdin_closed");
  if (input_.size() + bytes.size() > kInputWaitingMax)
    return conflict("the command {} does not read its input; {} bytes wait for it", id_, input_.size())
        .with_code("stdin_full");
  input_ += bytes;
  if (is_last) end_input();
  fed_.notify();
  return ok();
}

// Closing our side of a terminal would end nothing: it has no end but the character for it.
void Exec::end_input() {
  if (terminal_)
    input_ += kEndOfInput;
  else
    input_ends_ = true;
}

Result<void> Exec::signal(int number) {
  ISA_TRYV(must_run());
  child_->signal_group(number);
  return ok();
}

Result<void> Exec::resize(sdk::TerminalSize size) {
  ISA_TRYV(must_run());
  if (!terminal_)
    return conflict("the command {} has no terminal; start it with `pty`", id_).with_code("no_pty");
  terminal_ = size;
  return child_->resize({static_cast<unsigned short>(size.cols), static_cast<unsigned short>(size.rows)});
}

}  // namespace isa::runtime
