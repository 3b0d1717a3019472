#include "base/json_text.h"
#include "base/utf8.h"
#include "sdk/tools/families.h"

namespace isa::sdk {
namespace {

constexpr std::int64_t kWaitMax = 60;  // Seconds.

std::string_view name_of(ShellStatus status) {
  switch (status) {
    case ShellStatus::running: return "running";
    case ShellStatus::exited: return "exited";
    case ShellStatus::killed: return "killed";
    case ShellStatus::timed_out: break;
  }
  return "timed_out";
}

// Without the closing brace.
std::string state_json(const ShellState& state) {
  return fmt::format(R"({{"shell_id":"{}","status":"{}","exit_code":{},"duration_ms":{})", state.id,
                     name_of(state.status), state.exit_code ? std::to_string(*state.exit_code) : "null",
                     state.duration.count());
}

struct OutputArguments {
  std::string shell_id;
  std::optional<std::int64_t> wait;
};
BOOST_DESCRIBE_STRUCT(OutputArguments, (), (shell_id, wait))

class OutputTool final : public TypedTool<OutputArguments> {
 public:
  OutputTool(ToolSpec spec, std::shared_ptr<ShellTable> shells)
      : TypedTool(std::move(spec)), shells_(std::move(shells)) {}
  bool is_read_only() const override { return true; }
  bool is_polled() const override { return true; }

 protected:
  Task<Result<ToolOutput>> run(OutputArguments arguments, ToolContext context) override {
    const auto deadline = context.deadline;
    const auto wait = arguments.wait.value_or(0);
    if (wait < 0 || wait > kWaitMax)
      co_return validation_error("/wait: must be an integer from 0 to {}, in seconds", kWaitMax);
    const auto until = deadline.tightened(std::chrono::seconds(wait));
    ISA_CO_TRY(auto news, co_await shells_->read(std::move(arguments.shell_id), until));
    ToolOutput output{.text = state_json(news.state)};
    output.text += R"(,"stdout":)";
    json::append_string(output.text, to_valid_utf8(std::move(news.out)));
    output.text += R"(,"stderr":)";
    json::append_string(output.text, to_valid_utf8(std::move(news.err)));
    if (news.lost > 0) output.text += fmt::format(R"(,"lost_bytes":{})", news.lost);
    if (news.state.unread > 0) output.text += fmt::format(R"(,"more_bytes":{})", news.state.unread);
    output.text += '}';
    output.truncated = news.lost > 0 || news.state.unread > 0;
    co_return output;
  }

 private:
  std::shared_ptr<ShellTable> shells_;
};

struct KillArguments {
  std::string shell_id;
};
BOOST_DESCRIBE_STRUCT(KillArguments, (), (shell_id))

class KillTool final : public TypedTool<KillArguments> {
 public:
  KillTool(ToolSpec spec, std::shared_ptr<ShellTable> shells)
      : TypedTool(std::move(spec)), shells_(std::move(shells)) {}

 protected:
  Task<Result<ToolOutput>> run(KillArguments arguments, ToolContext) override {
    ISA_CO_TRY(const auto state, co_await shells_->kill(std::move(arguments.shell_id)));
    co_return ToolOutput{.text = state_json(state) + '}'};
  }

 private:
  std::shared_ptr<ShellTable> shells_;
};

struct ListArguments {};
BOOST_DESCRIBE_STRUCT(ListArguments, (), ())

class ListTool final : public TypedTool<ListArguments> {
 public:
  ListTool(ToolSpec spec, std::shared_ptr<ShellTable> shells)
      : TypedTool(std::move(spec)), shells_(std::move(shells)) {}
  bool is_read_only() const override { return true; }
  bool is_polled() const override { return true; }

 protected:
  Task<Result<ToolOutput>> run(ListArguments, ToolContext) override {
    ToolOutput output{.text = R"({"shells":[)"};
    for (const auto& state : shells_->list()) {
      if (!output.text.ends_with('[')) output.text += ',';
      output.text += state_json(state) + fmt::format(R"(,"unread_bytes":{},"command":)", state.unread);
      json::append_string(output.text, to_valid_utf8(state.command));
      output.text += '}';
    }
    output.text += "]}";
    co_return output;
  }

 private:
  std::shared_ptr<ShellTable> shells_;
};

}  // namespace

void add_shell_tools(Tools& to, std::shared_ptr<ShellTable> shells) {
  to.push_back(std::make_shared<OutputTool>(
      make_tool_spec(
          "bash_output",
          "Returns what a background shell printed since the last call, and whether it still runs.",
          R"({
        "type": "object", "additionalProperties": false, "required": ["shell_id"],
        "properties": {
          "shell_id": {"type": "string"},
          "wait": {"type": "integer", "minimum": 0, "maximum": 60, "default": 0,
                   "description": "Seconds to wait for output, or for the end, when there is none yet"}}})"),
      shells));
  to.push_back(std::make_shared<KillTool>(
      make_tool_spec("kill_shell", "Kills a background shell with all that it started.", R"({
        "type": "object", "additionalProperties": false, "required": ["shell_id"],
        "properties": {"shell_id": {"type": "string"}}})"),
      shells));
  to.push_back(std::make_shared<ListTool>(
      make_tool_spec("list_shells", "Lists the background shells, also those of earlier turns.",
                     R"({"type": "object", "additionalProperties": false, "properties": {}})"),
      std::move(shells)));
}

}  // namespace isa::sdk
