#include "sdk/mcp/stdio_transport.h"

#include "base/signal.h"
#include "base/task_group.h"
#include "sdk/tools/child.h"
#include "sdk/tools/output_capture.h"

#include <boost/asio/write.hpp>

#include <array>
#include <csignal>
#include <deque>

#include <fcntl.h>
#include <unistd.h>

namespace isa::sdk::mcp {
namespace {

constexpr std::size_t kQueueMax = 16 << 20;           // Bytes that wait for a server which does not read.
constexpr std::size_t kStderrMax = 2 << 10;           // Of what it says before it dies.
constexpr std::size_t kStrayLinesMax = 1'000;         // Lines of its output that are no message.
constexpr std::size_t kRequestsMax = 16;              // Of the server that are being answered.
constexpr std::chrono::milliseconds kLastWords{200};  // For what is in the pipes of a child that has ended.

// As execvp would find it.
Result<std::string> find_program(const StdioServer& server) {
  if (server.command.contains('/')) return server.command;
  const auto path = server.env.find("PATH");
  std::string_view rest = path == server.env.end() ? std::string_view() : path->second;
  while (!rest.empty()) {
    const auto folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
    auto candidate = fmt::format("{}/{}", folder, server.command);
    if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return not_found("there is no program '{}' in PATH; install it in the sandbox's image or workspace",
                   server.command);
}

class StdioTransport final : public Transport {
 public:
  StdioTransport(const asio::any_io_executor& executor, StdioServer server, std::unique_ptr<Child> child)
      : server_(std::move(server)), child_(std::move(child)), changed_(executor), tasks_(executor) {}

  void start(Listener& listener) override {
    listener_ = &listener;
    tasks_.spawn("mcp output", read_output());
    tasks_.spawn("mcp errors", read_errors());
    tasks_.spawn("mcp input", write_input());
    tasks_.spawn("mcp child", watch());
  }
  void speak(const Protocol&) override {}
  bool is_http() const override { return false; }
  std::optional<Error> failure() const override { return failure_; }
  Task<Result<Frame>> call(Call call) override;
  Task<Result<void>> notify(std::string method, json::object params, Deadline) override {
    co_return enqueue(notification_text(method, params));
  }
  Task<void> close() override;

 private:
  // A call that waits. Whoever gives it up tells the server.
  struct Pending {
    Pending(StdioTransport& of, const Call& call) : transport(of), id(call.id), method(call.method) {
      transport.pending_.emplace(id, this);
    }
    Pending(const Pending&) = delete;
    ~Pending() {
      transport.pending_.erase(id);
      // `initialize` must not be cancelled (2025-11-25, cancellation), and a server that does not know
      // `server/discover` expects nothing before `initialize`.
      const bool is_opening = method == "initialize" || method == "server/discover";
      if (answer || transport.failure_ || is_opening) return;
      std::ignore = transport.enqueue(notification_text(
          "notifications/cancelled", {{"requestId", id}, {"reason", "the caller stopped waiting"}}));
    }
    StdioTransport& transport;
    std::int64_t id;
    std::string method;
    std::optional<Frame> answer;
    Deadline::Clock::time_point heard = Deadline::Clock::now();
  };

  Result<void> enqueue(std::string text);
  void take_line(const std::string& line);
  void take(Frame frame);
  void note_progress(const json::object& params);
  void fail(Error error);
  std::string last_words() const;
  Task<void> answer_request(Frame request);
  Task<void> read_output();
  Task<void> read_errors();
  Task<void> write_input();
  Task<void> watch();
  Task<void> wait_for_end(Deadline deadline);

  StdioServer server_;
  std::unique_ptr<Child> child_;
  Listener* listener_ = nullptr;
  std::map<std::int64_t, Pending*> pending_;
  std::deque<std::string> queue_;
  std::size_t queued_ = 0;
  LineSplitter lines_;
  std::size_t stray_lines_ = 0;
  OutputCapture errors_{kStderrMax};
  std::optional<Error> failure_;
  bool is_closing_ = false;
  bool has_ended_ = false;
  bool has_closed_output_ = false;
  Signal changed_;  // An answer, something to write, the end.
  TaskGroup tasks_;
};

Result<void> StdioTransport::enqueue(std::string text) {
  if (failure_) return Failure(*failure_);
  if (is_closing_) return cancelled("the connection to the MCP server '{}' is closing", server_.name);
  if (queued_ + text.size() > kQueueMax)
    return service_unavailable("the MCP server '{}' does not read what it is sent", server_.name);
  text += '\n';
  queued_ += text.size();
  queue_.push_back(std::move(text));
  changed_.notify();
  return ok();
}

Task<Result<Frame>> StdioTransport::call(Call call) {
  Pending pending(*this, call);
  ISA_CO_TRYV(enqueue(request_text(call.id, call.method, call.params)));
  while (!pending.answer) {
    if (failure_) co_return Failure(*failure_);
    const auto until = std::min(call.deadline.time(), pending.heard + call.silence);
    if (until <= Deadline::Clock::now())
      co_return timeout("the MCP server '{}' did not answer {} in time", server_.name, call.method);
    co_await changed_.wait(Deadline::after(until - Deadline::Clock::now()));
  }
  co_return *std::move(pending.answer);
}

// Servers print what they should not: a banner, a warning. That is passed over, within reason.
void StdioTransport::take_line(const std::string& line) {
  auto frame = parse_frame(line);
  if (frame) return take(*std::move(frame));
  if (++stray_lines_ <= kStrayLinesMax) return;
  fail(upstream_error("the MCP server '{}' writes something other than MCP: {}", server_.name,
                      frame.error().message()));
}

void StdioTransport::take(Frame frame) {
  if (frame.is_answer()) {
    const auto found = frame.id.is_int64() ? pending_.find(frame.id.get_int64()) : pending_.end();
    if (found == pending_.end()) return;  // Too late, or nobody's.
    found->second->answer = std::move(frame);
    return changed_.notify();
  }
  if (frame.kind == Frame::Kind::request) {
    if (tasks_.size() < kRequestsMax) tasks_.spawn("mcp request", answer_request(std::move(frame)));
    return;
  }
  if (frame.method == "notifications/progress") note_progress(frame.params);
  listener_->on_notification(frame);
}

void StdioTransport::note_progress(const json::object& params) {
  const auto* token = params.if_contains("progressToken");
  const auto found = token && token->is_int64() ? pending_.find(token->get_int64()) : pending_.end();
  if (found != pending_.end()) found->second->heard = Deadline::Clock::now();
}

void StdioTransport::fail(Error error) {
  if (failure_) return;
  failure_ = std::move(error);
  child_->kill_group();
  changed_.notify();
}

std::string StdioTransport::last_words() const {
  auto text = errors_.text();
  while (text.ends_with('\n')) text.pop_back();
  return text.empty() ? "" : fmt::format("; it said: {}", text);
}

Task<void> StdioTransport::answer_request(Frame request) {
  auto text = co_await listener_->on_request(std::move(request));
  std::ignore = enqueue(std::move(text));  // A server that died needs no answer.
}

Task<void> StdioTransport::read_output() {
  std::array<char, 16 << 10> piece;
  for (;;) {
    const auto buffer = asio::buffer(piece);
    auto [failed, size] = co_await child_->out().async_read_some(buffer, no_throw);
    if (failed) break;
    if (auto fed = lines_.feed({piece.data(), size}); !fed) {
      fail(upstream_error("the MCP server '{}' sent {}", server_.name, fed.error().message()));
      co_return;
    }
    while (auto line = lines_.next()) take_line(*line);
  }
  has_closed_output_ = true;
  changed_.notify();
  // Usually it has ended, which watch() words better.
  if (!is_closing_) co_await wait_for_end(Deadline::after(server_.patience));
  if (!has_ended_ && !is_closing_)
    fail(upstream_error("the MCP server '{}' closed its output{}", server_.name, last_words()));
}

Task<void> StdioTransport::read_errors() {
  std::array<char, 4096> piece;
  for (;;) {
    const auto buffer = asio::buffer(piece);
    auto [failed, size] = co_await child_->err().async_read_some(buffer, no_throw);
    if (failed) co_return;
    errors_.add({piece.data(), size});
  }
}

Task<void> StdioTransport::write_input() {
  for (;;) {
    while (queue_.empty() && !is_closing_) co_await changed_.wait();
    if (queue_.empty()) break;
    const auto text = std::move(queue_.front());
    queue_.pop_front();
    const auto buffer = asio::buffer(text);
    auto [failed, size] = co_await asio::async_write(child_->in(), buffer, no_throw);
    queued_ -= text.size();
    if (failed) co_return;  // It does not listen any more; its end is on its way.
  }
  boost::system::error_code ignored;
  child_->in().close(ignored);
}

Task<void> StdioTransport::watch() {
  const auto end = co_await child_->wait();
  has_ended_ = true;
  changed_.notify();
  // An answer that it wrote before it ended counts.
  const auto patience = Deadline::after(kLastWords);
  while (!has_closed_output_ && !patience.passed()) co_await changed_.wait(patience);
  const auto how = end.signal ? fmt::format("was killed by signal {}", *end.signal)
                              : fmt::format("ended with exit code {}", end.code);
  // What it wrote last may still be in the pipe.
  std::array<char, 4096> piece;
  for (ssize_t size = 1; size > 0 && !is_closing_;) {
    size = ::read(child_->err().native_handle(), piece.data(), piece.size());
    if (size > 0) errors_.add({piece.data(), static_cast<std::size_t>(size)});
    if (errors_.is_cut()) break;
  }
  if (!failure_) failure_ = upstream_error("the MCP server '{}' {}{}", server_.name, how, last_words());
  changed_.notify();
}

Task<void> StdioTransport::wait_for_end(Deadline deadline) {
  while (!has_ended_ && !deadline.passed()) co_await changed_.wait(deadline);
}

Task<void> StdioTransport::close() {
  is_closing_ = true;
  changed_.notify();  // write_input() closes the input when everything is written.
  if (listener_ != nullptr) {
    co_await wait_for_end(Deadline::after(server_.patience));
    if (!has_ended_) {
      child_->signal_group(SIGTERM);
      co_await wait_for_end(Deadline::after(server_.patience));
    }
    if (!has_ended_) {
      child_->kill_group();
      co_await wait_for_end(Deadline::after(server_.patience));
    }
  }
  co_await tasks_.stop();
}

}  // namespace

Result<std::unique_ptr<Transport>> start_stdio(const asio::any_io_executor& executor,
                                               std::shared_ptr<ProcessTable> processes, StdioServer server) {
  ISA_TRY(auto program, find_program(server));
  const Fd folder(::open(server.folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return from_errno(errno, fmt::format("the folder {} cannot be opened", server.folder));
  Command command{.argv = {std::move(program)}, .folder = folder.get(), .has_input = true};
  command.argv.insert(command.argv.end(), server.args.begin(), server.args.end());
  for (const auto& [name, value] : server.env) command.env.push_back(fmt::format("{}={}", name, value));
  ISA_TRY(auto child, Child::spawn(executor, std::move(processes), command));
  return std::make_unique<StdioTransport>(executor, std::move(server), std::move(child));
}

}  // namespace isa::sdk::mcp
