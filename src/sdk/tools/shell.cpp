#include "base/json_text.h"
#include "sdk/tools/child_output.h"
#include "sdk/tools/families.h"
#include "sdk/tools/output_capture.h"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

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
  std::optional<bool> run_in_background;
};
BOOST_DESCRIBE_STRUCT(BashArguments, (), (command, timeout, working_directory, env, run_in_background))

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

struct Streams {
  OutputCapture out{kOutputMax}, err{kOutputMax};
};

class BashTool final : public TypedTool<BashArguments> {
 public:
  BashTool(ToolSpec spec, std::shared_ptr<FileWork> work, std::map<std::string, std::string> env,
           std::shared_ptr<ProcessTable> processes, std::shared_ptr<ShellTable> shells)
      : TypedTool(std::move(spec)),
        work_(std::move(work)),
        env_(std::move(env)),
        processes_(std::move(processes)),
        shells_(std::move(shells)) {}

 protected:
  Task<Result<std::string>> show(BashArguments arguments) override {
    ISA_CO_TRYV(check(arguments));
    co_return std::string();
  }
  Task<Result<ToolOutput>> run(BashArguments arguments, ToolContext context) override;

 private:
  Result<std::unique_ptr<Child>> start(const BashArguments& arguments,
                                       const asio::any_io_executor& executor) const;
  Result<ToolOutput> start_in_background(const BashArguments& arguments,
                                         const asio::any_io_executor& executor) const;

  std::shared_ptr<FileWork> work_;
  std::map<std::string, std::string> env_;
  std::shared_ptr<ProcessTable> processes_;
  std::shared_ptr<ShellTable> shells_;  // May be missing.
};

Result<std::unique_ptr<Child>> BashTool::start(const BashArguments& arguments,
                                               const asio::any_io_executor& executor) const {
  const Workspace& workspace = work_->workspace();
  ISA_TRY(const auto name, workspace.relative(arguments.working_directory.value_or(".")));
  ISA_TRY(const auto folder, workspace.open_folder(name));
  auto env = env_;
  if (arguments.env) {
    for (const auto& [key, value] : *arguments.env) env[key] = value;
  }
  Command command{.argv = {"/bin/bash", "-c", arguments.command},
                  .folder = folder.get(),
                  .has_jobs = arguments.run_in_background.value_or(false)};
  for (const auto& [key, value] : env) command.env.push_back(key + "=" + value);
  auto child = Child::spawn(executor, processes_, command);
  if (child || child.error().kind() != ErrorKind::not_found) return child;
  command.argv[0] = "/bin/sh";  // Small images have no bash.
  return Child::spawn(executor, processes_, command);
}

Result<ToolOutput> BashTool::start_in_background(const BashArguments& arguments,
                                                 const asio::any_io_executor& executor) const {
  if (!shells_)
    return validation_error("/run_in_background: no command can run in the background here; leave it out");
  ISA_TRYV(shells_->check_room());
  ISA_TRY(auto child, start(arguments, executor));
  const auto end =
      arguments.timeout ? Deadline::after(std::chrono::seconds(*arguments.timeout)) : Deadline::never();
  const auto id = shells_->add(std::move(child), arguments.command, end);
  return ToolOutput{.text = fmt::format(R"({{"shell_id":"{}","status":"running"}})", id)};
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

Task<Result<ToolOutput>> BashTool::run(BashArguments arguments, ToolContext context) {
  ISA_CO_TRYV(check(arguments));
  const auto begin = Deadline::Clock::now();
  const auto end =
      context.deadline.tightened(std::chrono::seconds(arguments.timeout.value_or(kTimeoutDefault)));
  auto executor = co_await asio::this_coro::executor;
  if (arguments.run_in_background.value_or(false)) co_return start_in_background(arguments, executor);
  processes_->settle_orphans();
  ISA_CO_TRY(const auto child, start(arguments, executor));
  Streams streams;
  const auto keep = [&](OutputCapture& in, std::string_view piece) {
    in.add(piece);
    context.report({.text = std::string(piece)});
  };
  const OutputSinks sinks{.out = [&](std::string_view piece) { keep(streams.out, piece); },
                          .err = [&](std::string_view piece) { keep(streams.err, piece); },
                          .room = {}};
  std::optional<ChildEnd> end_of_child;
  auto running = run_to_end(*child, sinks, end_of_child);
  const bool in_time = co_await finished_before(end, std::move(running));
  if (in_time && !end_of_child) throw boost::system::system_error(asio::error::operation_aborted);
  if (!end_of_child) {
    child->kill_group();
    co_await child->wait();
    processes_->kill_new_orphans();
  }
  drain(*child, sinks);
  const auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::Clock::now() - begin);
  const auto status = end_of_child ? std::optional(end_of_child->as_shell()) : std::nullopt;
  co_return describe(streams, status, duration);
}

}  // namespace

void add_bash_tool(Tools& to, const std::shared_ptr<FileWork>& work, std::map<std::string, std::string> env,
                   std::shared_ptr<ProcessTable> processes, std::shared_ptr<ShellTable> shells) {
  to.push_back(std::make_shared<BashTool>(
      make_tool_spec("bash_execute",
                     "Runs a shell command in the sandbox and returns its output. Processes that it leaves "
                     "in the background end with it; what is to run on, such as a server, is started with "
                     "run_in_background, which returns a shell_id for bash_output and kill_shell.",
                     R"({
        "type": "object", "additionalProperties": false, "required": ["command"],
        "properties": {
          "command": {"type": "string"},
          "timeout": {"type": "integer", "minimum": 1, "maximum": 600,
                      "description": "Seconds; 120 by default, no limit in the background"},
          "working_directory": {"type": "string", "description": "Relative to the workspace, which is the default"},
          "env": {"type": "object", "additionalProperties": {"type": "string"},
                  "description": "Further environment variables"},
          "run_in_background": {"type": "boolean", "default": false}}})"),
      work, std::move(env), std::move(processes), std::move(shells)));
}

}  // namespace isa::sdk
