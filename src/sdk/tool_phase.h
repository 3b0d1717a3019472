// The calls of one answer of the model: run, refused, or left to whoever must decide on them.
#pragma once

#include "sdk/loop.h"
#include "sdk/plan_checkpoints.h"
#include "sdk/tool_batch.h"

#include <span>

namespace isa::sdk {

// What stands for the result of a call that has none: it had begun, or it waited when the turn ended.
inline constexpr const char* kInterrupted = "[interrupted]";
inline constexpr const char* kNotRun = "[not run: the turn ended while the call waited]";

class ToolPhase {
 public:
  // All are used until the phase is over. `emit`'s error ends the turn.
  ToolPhase(const AgentSpec& agent, ToolBox& tools, EventSink emit, Deadline deadline, PlanProgress& plan)
      : agent_(agent),
        tools_(tools),
        emit_(std::move(emit)),
        deadline_(deadline),
        checkpoints_(agent.checkpoint_every, plan) {}

  // Read-only calls that stand together run at the same time. From the first call that has to wait on, none
  // runs: all of them are returned. answers[i] is the result of calls[i], and stays as it is where there is
  // none.
  Task<Result<std::vector<PendingCall>>> run(std::span<const Part> calls, std::span<Part> answers);
  // Goes on where run() stopped: `decided` speaks of the calls that run() returned.
  Task<Result<void>> resume(std::span<const Part> calls, std::span<Part> answers,
                            const std::vector<CallAnswer>& decided);
  // The model repeats itself although it was told so.
  bool goes_in_circles() const { return refused_ >= kRefusalsMax; }

 private:
  static constexpr int kRepeatsMax = 3;   // The same calls so often in a row are not run again.
  static constexpr int kRefusalsMax = 5;  // So many of those in a turn end it.

  Task<Result<void>> announce(std::span<const Part> calls);
  Task<Result<void>> run_all(std::span<const Part> calls, std::span<Part> answers);
  Task<Result<void>> run_together(std::span<const Part> calls, std::span<Part> answers);
  Task<Result<void>> tell(const Part& call, ToolProgress progress);
  Task<Result<void>> refuse_all(std::span<const Part> calls, std::span<Part> answers);
  Task<Result<void>> done(const Part& call, Part& answer, ToolRun run);
  std::optional<PendingCall> waiting(const Part& call);
  PendingCall deferred(const Part& call) const;
  Task<Result<std::string>> preview(const PendingCall& call);
  bool repeats(std::span<const Part> calls);

  const AgentSpec& agent_;
  ToolBox& tools_;
  EventSink emit_;
  Deadline deadline_;
  PlanCheckpoints checkpoints_;
  std::string last_calls_;
  int repeats_ = 0;
  int refused_ = 0;
};

}  // namespace isa::sdk
