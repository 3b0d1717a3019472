// A tool that is one blocking function over the workspace.
#pragma once

#include "base/offload.h"
#include "sdk/tools/typed_tool.h"
#include "sdk/tools/workspace.h"

#include <optional>

namespace isa::sdk {

// What the tools of one workspace share. Lives on one event loop; the workspace itself may be used by any
// thread.
class FileWork {
 public:
  explicit FileWork(Workspace workspace) : workspace_(std::move(workspace)) {}

  const Workspace& workspace() const { return workspace_; }
  // Made by the first call: an idle sandbox has no thread to spare.
  asio::thread_pool& pool() {
    if (!pool_) pool_.emplace(2);
    return *pool_;
  }

 private:
  Workspace workspace_;
  std::optional<asio::thread_pool> pool_;
};

template <class Arguments>
class FileTool final : public TypedTool<Arguments> {
 public:
  // Bounded by itself or by the deadline: it runs on after a cancellation.
  using Function = Result<ToolOutput> (*)(const Workspace&, const Arguments&, Deadline);
  enum class Access { reads, writes };

  using Preview = Result<std::string> (*)(const Workspace&, const Arguments&);

  FileTool(ToolSpec spec, Access access, Function function, std::shared_ptr<FileWork> work,
           Preview preview = nullptr)
      : TypedTool<Arguments>(std::move(spec)),
        access_(access),
        function_(function),
        preview_(preview),
        work_(std::move(work)) {}

  bool is_read_only() const override { return access_ == Access::reads; }

 protected:
  Task<Result<std::string>> show(Arguments arguments) override {
    if (!preview_) co_return std::string();
    auto work = [preview = preview_, workspace = &work_->workspace(), arguments = std::move(arguments)] {
      return preview(*workspace, arguments);
    };
    co_return co_await offload<std::string>(work_->pool(), std::move(work));
  }
  Task<Result<ToolOutput>> run(Arguments arguments, ToolContext context) override {
    // Not work_ itself: its pool must not be destroyed, and so joined, on a thread of its own. This task, and
    // with it the tool, waits for the work whatever happens.
    auto work = [function = function_, workspace = &work_->workspace(), arguments = std::move(arguments),
                 deadline = context.deadline] { return function(*workspace, arguments, deadline); };
    return offload<ToolOutput>(work_->pool(), std::move(work));
  }

 private:
  Access access_;
  Function function_;
  Preview preview_;  // May be none.
  std::shared_ptr<FileWork> work_;
};

}  // namespace isa::sdk
