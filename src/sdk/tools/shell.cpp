#include "base/json_text.h"
#include "sdk/tools/child.h"
#include "sdk/tools/families.h"
#include "sdk/tools/output_capture.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>

#include <array>

#include <unistd.h>

namespace isa::sdk {
namespace {

constexpr std::int64_t kTimeoutDefault = 120;  // Seconds.
constexpr std::int64_t kTimeoutMax = 600;
constexpr std::size_t kCommandMax = 64 << 10;  // Bytes. The kernel's limit for one argument is 128 kB.
constexpr std::size_t kOutputMax = 64 << 10;   // Bytes kept of each stream: what a model can still read.

struct BashArguments {
  std::string command;
  std::optional<std::int64_t> timeout;
  std::optional<std::string> working_directory;
  std::optional<std::map<std::string, std::string>> env;
};
BOOST_DESCRIBE_STRUCT(BashArguments, (), (command, timeout, working_directory, env))

struct Streams {
  OutputCapture out{kOutputMax}, err{kOutputMax};
};

// Ends with the stream, or when it is cancelled; what was read is kept either way.
Task<void> pump(asio::posix::stream_descriptor& from, OutputCapture& to) {
  std::array<char, 4096> chunk;
  for (;;) {
    const auto buffer = asio::buffer(chunk);
    auto [failed, size] = co_await from.async_read_some(buffer, no_throw);
    if (failed) co_return;
    to.add({chunk.data(), size});
  }
}

Task<void> pump_both(Child& child, Streams& to) {
  using namespace asio::experimental::awaitable_operators;
  co_await (pump(child.out(), to.out) && pump(child.err(), to.err));
  // A command may close its output and run on: whether it has ended is for the other side to say.
  asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
  co_await never.async_wait(no_throw);
}

// What is already in the pipe. Not up to its end: a process that left the group may hold it open.
void drain(asio::posix::stream_descriptor& from, OutputCapture& to) {
  std::array<char, 4096> chunk;
  for (;;) {
    const auto size = ::read(from.native_handle(), chunk.data(), chunk.size());
    if (size <= 0) return;
    to.add({chunk.data(), static_cast<std::size_t>(size)});
  }
}

// On both sides of `||` a cancellation must end quietly: two exceptions at once would hide what they were.
Task<void> await_end(Child& child, std::optional<int>& status) {
  try {
    status = co_await child.wait();
  } catch (const boost::system::system_error&) {
    // Cancelled: there is no status.
  }
}

Task<void> run_to_end(Child& child, Streams& to, std::optional<int>& status) {
  using namespace asio::experimental::awaitable_operators;
  co_await (await_end(child, status) || pump_both(child, to));
}

class BashTool final : public TypedTool<BashArguments> {
 public:
  BashTool(ToolSpec spec, std::shared_ptr<FileWork> work, std::map<std::string, std::string> env,
           std::shared_ptr<ProcessTable> processes)
      : TypedTool(std::move(spec)),
        work_(std::move(work)),
        env_(std::move(env)),
        processes_(std::move(processes)) {}

 protected:
  Task<Result<ToolOutput>> run(BashArguments arguments, Deadline deadline) override;

 private:
  Result<std::unique_ptr<Child>> start(const BashArguments& arguments,
                                       const asio::any_io_executor& executor) const;

  std::shared_ptr<FileWork> work_;
  std::map<std::string, std::string> env_;
  std::shared_ptr<ProcessTable> processes_;
};

Result<void> check(const BashArguments& from) {
  if (from.command.empty()) return validation_error("/command: the command is empty");
  if (from.command.size() > kCommandMax)
    return validation_error("/command: at most {} kB; write a script file instead", kCommandMax >> 10);
  if (from.command.find('\0') != std::string::npos)
    return validation_error("/command: a command cannot hold a zero byte");
  if (const auto timeout = from.timeout.value_or(kTimeoutDefault); timeout < 1 || timeout > kTimeoutMax)
    return validation_error("/timeout: must be an integer from 1 to {}, in seconds", kTimeoutMax);
  if (!from.env) return ok();
  for (const auto& [name, value] : *from.env) {
    if (name.empty() || name.find_first_of(std::string_view("=\0", 2)) != std::string::npos ||
        value.find('\0') != std::string::npos)
      return validation_error("/env: '{}' cannot be the name of a variable, or its value holds a zero byte",
                              name);
  }
  return ok();
}

Result<std::unique_ptr<Child>> BashTool::start(const BashArguments& arguments,
                                               const asio::any_io_executor& executor) const {
  const Workspace& workspace = work_->workspace();
  ISA_TRY(const auto name, workspace.relative(arguments.working_directory.value_or(".")));
  ISA_TRY(const auto folder, workspace.open_folder(name));
  auto env = env_;
  if (arguments.env) {
    for (const auto& [key, value] : *arguments.env) env[key] = value;
  }
  Command command{.argv = {"/bin/bash", "-c", arguments.command}, .folder = folder.get()};
  for (const auto& [key, value] : env) command.env.push_back(key + "=" + value);
  auto child = Child::spawn(executor, processes_, command);
  if (child || child.error().kind() != ErrorKind::not_found) return child;
  command.argv[0] = "/bin/sh";  // Small images have no bash.
  return Child::spawn(executor, processes_, command);
}

ToolOutput describe(const Streams& streams, std::optional<int> status, std::chrono::milliseconds duration) {
  ToolOutput output;
  output.text = R"({"stdout":)";
  json::append_string(output.text, streams.out.text());
  output.text += R"(,"stderr":)";
  json::append_string(output.text, streams.err.text());
  output.text += fmt::format(R"(,"exit_code":{},"duration_ms":{})", status ? std::to_string(*status) : "null",
                             duration.count());
  if (!status) output.text += R"(,"error":"the command was killed: it did not end in time")";
  output.text += '}';
  output.is_error = status != 0;
  output.truncated = streams.out.is_cut() || streams.err.is_cut();
  return output;
}

Task<Result<ToolOutput>> BashTool::run(BashArguments arguments, Deadline deadline) {
  ISA_CO_TRYV(check(arguments));
  const auto begin = Deadline::Clock::now();
  const auto end = deadline.tightened(std::chrono::seconds(arguments.timeout.value_or(kTimeoutDefault)));
  auto executor = co_await asio::this_coro::executor;
  processes_->settle_orphans();
  ISA_CO_TRY(const auto child, start(arguments, executor));
  Streams streams;
  std::optional<int> status;
  auto running = run_to_end(*child, streams, status);
  const bool in_time = co_await finished_before(end, std::move(running));
  if (in_time && !status) throw boost::system::system_error(asio::error::operation_aborted);
  if (!status) {
    child->kill_group();
    co_await child->wait();
    processes_->kill_new_orphans();
  }
  drain(child->out(), streams.out);
  drain(child->err(), streams.err);
  const auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::Clock::now() - begin);
  co_return describe(streams, status, duration);
}

}  // namespace

void add_shell_tools(Tools& to, const std::shared_ptr<FileWork>& work, std::map<std::string, std::string> env,
                     std::shared_ptr<ProcessTable> processes) {
  to.push_back(std::make_shared<BashTool>(
      make_tool_spec(
          "bash_execute",
          "Runs a shell command in the sandbox and returns its output. Processes that it leaves in the "
          "background end with it.",
          R"({
        "type": "object", "additionalProperties": false, "required": ["command"],
        "properties": {
          "command": {"type": "string"},
          "timeout": {"type": "integer", "minimum": 1, "maximum": 600, "default": 120, "description": "Seconds"},
          "working_directory": {"type": "string", "description": "Relative to the workspace, which is the default"},
          "env": {"type": "object", "additionalProperties": {"type": "string"},
                  "description": "Further environment variables"}}})"),
      work, std::move(env), std::move(processes)));
}

}  // namespace isa::sdk
