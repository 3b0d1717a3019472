#pragma once

#include "agent/run_ending.h"
#include "agent/run_stream.h"
#include "agent/turn_executor.h"
#include "agent/turn_recorder.h"
#include "store/run.h"
#include "store/session.h"

#include <optional>
#include <set>

namespace isa::agent {

// What somebody asked for, with everything looked up and checked.
struct RunOrder {
  RunId id = RunId::make();
  TraceContext trace;  // Of the request that began it.
  Identity identity;
  store::Session session;
  bool is_new_session = false;
  std::optional<OrgId> org;
  store::ExecutionEnv env = store::ExecutionEnv::cloud_pool;
  sdk::AgentSpec agent;
  std::string message;
  json::object metadata;  // The caller's own; goes into session_start.
  std::vector<std::string> egress = {};
  store::Mode mode = store::Mode::REACTIVE;
  std::vector<store::ApprovalRule> approval_rules = {};  // Those whose patterns `agent` has.
  std::vector<std::string> client_tools = {};      // Of agent.platform_tools: those that the caller runs.
  std::shared_ptr<const TeamPlan> team = nullptr;  // When the agent is a team.
  TurnSkills skills = {};
  bool ends_with_reader = false;  // Nobody reads it any more when the platform stops: it does not wait on.
};

// What was said to a run's turn, and what it has not said that it has heard.
struct Word {
  std::int64_t number = 0;
  std::string text;
  bool is_offered = false;  // The turn is being asked whether it still listens.
};

// The message of a run that waits in its session's queue, on its way to the run that is under way there
// (agent/hand_over.h).
struct Speech {
  RunId to;
  bool is_offered = false;  // The turn is being asked whether it still listens.
  bool is_handed = false;   // The turn has it: nobody can change it or take it back now.
  bool is_heard = false;    // The turn has said so.
};

// A run between the moment it was asked for and its end. Shared by the engine that drives it and by whoever
// reads it; lives on the service's event loop.
struct LiveRun {
  LiveRun(asio::any_io_executor executor, store::EventLog& log, RunOrder wanted, RunStreamLimits limits)
      : order(std::move(wanted)),
        id(order.id),
        stream(executor, log, id, order.session.id, limits),
        recorder(stream),
        changed(executor),
        turn(executor) {}

  // It asks somebody, and nothing of it runs until they have decided.
  bool is_waiting() const { return row.state == store::RunState::waiting; }
  // It may still become a run of its own, or not.
  bool is_handed() const { return speech && speech->is_handed; }

  // Asks the run to end; the first reason counts. One whose message was handed to another ends as that one
  // says, or once it is its own again.
  void request_stop(StopReason reason) {
    if (stop != StopReason::none || ending) return;
    if (is_handed() && reason != StopReason::steered) {
      if (stop_later == StopReason::none) stop_later = reason;
      return;
    }
    stop = reason;
    recorder.stop();
    turn.cancel();
    changed.notify();
  }

  RunOrder order;
  const RunId id;
  store::Run row;
  RunStream stream;
  TurnRecorder recorder;
  StopReason stop = StopReason::none;
  StopReason stop_later = StopReason::none;
  std::optional<Result<void>> accepted;  // Set once the run is in the store, or could not get there.
  std::optional<Error> turn_error;
  TurnRecord record;
  std::set<ApprovalId> asked;          // Questions that the stream holds.
  Deadline::Clock::duration worked{};  // In this process, without the time in which it waited.
  bool is_revived = false;             // It had begun when the platform was started.
  std::int64_t place = 0;              // In its session's queue: smaller comes first.
  std::optional<Speech> speech;        // While it waits there.
  bool is_kept = false;       // The store has how far its team's tasks are: the next start goes on there.
  std::vector<Word> unheard;  // In the order in which it was said.
  // Said to the turn, which did not say that it took it: it may hear it all the same.
  std::vector<std::string> unanswered;
  std::optional<RunEnding> ending;  // Set when it is over and stored, or when this process lets go of it.
  Signal changed;                   // stop, accepted, ending, or the run's place in its session's queue.
  TaskGroup turn;                   // The turn itself: what a stop cancels.
};

}  // namespace isa::agent
