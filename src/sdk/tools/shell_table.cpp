#include "sdk/tools/shell_table.h"

#include "base/utf8.h"
#include "sdk/tools/child_output.h"

#include <algorithm>

namespace isa::sdk {
namespace {

using Stream = OutputRing::Stream;

std::string name_of(std::uint64_t number) {
  return fmt::format("shell_{}", number);
}

}  // namespace

struct ShellTable::Shell {
  Shell(const asio::any_io_executor& executor, std::uint64_t number, std::unique_ptr<Child> running,
        std::string_view of_command, Deadline end)
      : id(name_of(number)),
        command(cut_utf8(of_command, kCommandShownMax)),
        deadline(end),
        child(std::move(running)),
        changed(executor) {}

  void take(Stream stream, std::string& held, std::string_view piece) {
    held += piece;
    const auto whole = held.size() - unfinished_utf8(held);
    ring.append(stream, std::string_view(held).substr(0, whole));
    held.erase(0, whole);
    changed.notify();
  }
  void settle(ChildEnd end, bool is_late);
  ShellState state() const;
  ShellNews news();

  std::string id, command;
  Deadline deadline;
  Deadline::Clock::time_point begin = Deadline::Clock::now();
  Deadline::Clock::time_point end_at{};
  std::unique_ptr<Child> child;  // Until it has ended.
  ShellStatus status = ShellStatus::running;
  bool is_killed = false;
  std::optional<int> exit_code;
  OutputRing ring{kOutputMax};
  std::string held_out, held_err;  // The beginning of a character whose rest has not arrived.
  std::uint64_t read_to = 0;
  Signal changed;
};

void ShellTable::Shell::settle(ChildEnd end, bool is_late) {
  ring.append(Stream::out, held_out);
  ring.append(Stream::err, held_err);
  if (is_killed) {
    status = ShellStatus::killed;
  } else if (is_late) {
    status = ShellStatus::timed_out;
  } else {
    status = ShellStatus::exited;
    exit_code = end.as_shell();
  }
  end_at = Deadline::Clock::now();
  child.reset();
  changed.notify();
}

ShellState ShellTable::Shell::state() const {
  const auto until = child ? Deadline::Clock::now() : end_at;
  return {.id = id,
          .command = command,
          .status = status,
          .exit_code = exit_code,
          .duration = std::chrono::duration_cast<std::chrono::milliseconds>(until - begin),
          .unread = static_cast<std::size_t>(ring.end() - std::max(read_to, ring.begin()))};
}

ShellNews ShellTable::Shell::news() {
  ShellNews news;
  if (read_to < ring.begin()) {
    news.lost = ring.begin() - read_to;
    read_to = ring.begin();
  }
  std::string* last = nullptr;
  while (news.out.size() + news.err.size() < kReadMax) {
    const auto piece = ring.next(read_to);
    if (!piece) break;
    const auto part = piece->bytes.substr(0, kReadMax - news.out.size() - news.err.size());
    last = piece->stream == Stream::out ? &news.out : &news.err;
    *last += part;
    read_to = piece->end - (piece->bytes.size() - part.size());
  }
  if (last && read_to < ring.end()) {  // No character is torn in two by the limit.
    const auto torn = unfinished_utf8(*last);
    last->resize(last->size() - torn);
    read_to -= torn;
  }
  news.state = state();
  return news;
}

Result<void> ShellTable::check_room() const {
  const auto running =
      std::ranges::count_if(shells_, [](const auto& entry) { return entry.second->child != nullptr; });
  if (static_cast<std::size_t>(running) < kRunningMax) return ok();
  return Error(ErrorKind::rate_limit_exceeded,
               fmt::format("{} background shells run already; end one of them with kill_shell (list_shells "
                           "names them)",
                           running));
}

std::string ShellTable::add(std::unique_ptr<Child> child, std::string_view command, Deadline deadline) {
  const auto number = ++last_number_;
  const auto shell = std::make_shared<Shell>(tasks_.executor(), number, std::move(child), command, deadline);
  shells_.emplace(number, shell);
  forget_oldest();
  tasks_.spawn("tool.shell", run(shell));
  return shell->id;
}

void ShellTable::forget_oldest() {
  std::size_t ended = 0;
  for (auto at = shells_.end(); at != shells_.begin();) {
    --at;
    if (!at->second->child && ++ended > kEndedMax) at = shells_.erase(at);
  }
}

Task<void> ShellTable::run(std::shared_ptr<Shell> shell) {
  const OutputSinks sinks{
      .out = [&](std::string_view piece) { shell->take(Stream::out, shell->held_out, piece); },
      .err = [&](std::string_view piece) { shell->take(Stream::err, shell->held_err, piece); },
      .room = {}};
  std::optional<ChildEnd> end;
  auto running = run_to_end(*shell->child, sinks, end);
  const bool in_time = co_await finished_before(shell->deadline, std::move(running));
  const bool is_late = !end;
  if (is_late) {
    shell->child->kill_group();
    if (in_time) co_return;  // Cancelled: by stop(), which drops the shells.
    end = co_await shell->child->wait();
  }
  drain(*shell->child, sinks);
  shell->settle(*end, is_late);
}

Result<std::shared_ptr<ShellTable::Shell>> ShellTable::find(const std::string& id) const {
  std::string known;
  for (const auto& [number, shell] : shells_) {
    if (shell->id == id) return shell;
    known += (known.empty() ? "" : ", ") + shell->id;
  }
  return not_found("there is no background shell '{}'; there are: {}", id, known.empty() ? "none" : known);
}

Task<Result<ShellNews>> ShellTable::read(std::string id, Deadline wait) {
  ISA_CO_TRY(const auto shell, find(id));
  while (shell->child && shell->state().unread == 0 && !wait.passed()) co_await shell->changed.wait(wait);
  co_return shell->news();
}

Task<Result<ShellState>> ShellTable::kill(std::string id) {
  ISA_CO_TRY(const auto shell, find(id));
  if (shell->child) {
    shell->is_killed = true;
    shell->child->kill_group();
  }
  while (shell->child) co_await shell->changed.wait();
  co_return shell->state();
}

Task<void> ShellTable::stop() {
  co_await tasks_.stop();
  shells_.clear();
}

std::vector<ShellState> ShellTable::list() const {
  std::vector<ShellState> all;
  for (const auto& [number, shell] : shells_) all.push_back(shell->state());
  return all;
}

}  // namespace isa::sdk
