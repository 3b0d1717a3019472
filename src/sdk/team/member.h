// How a team runs one of its agents, wherever that happens: in this process, in a sandbox, in a test.
#pragma once

#include "base/deadline.h"
#include "sdk/loop.h"
#include "sdk/team/waiting.h"
#include "sdk/tool.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace isa::sdk::team {

struct RemoteAnswer {
  ToolOutput output;
  bool ends_turn = false;  // The model need not be asked again; who cannot stop there may ignore it.
};

// A tool of the team's own: shown to a member's model, run by the team.
struct RemoteTool {
  ToolSpec spec;
  std::function<Task<RemoteAnswer>(json::object arguments)> call;
};

struct MemberTurn {
  AgentSpec agent;
  std::string prompt;
  std::vector<Message> history;
  std::vector<RemoteTool> tools;
  std::optional<WaitingTurn> resumed = std::nullopt;  // Goes on with this; the prompt is not looked at then.
};

struct MemberAnswer {
  std::string text;
  std::string subtype = "success";    // Of the turn's result; "" when it ended with an error instead.
  Usage usage;                        // Of a turn in several parts, what this one used.
  std::vector<Message> new_messages;  // With the prompt; every tool call has its result.
  std::optional<Error> error;
  std::optional<WaitingTurn> waiting = std::nullopt;  // Set: it has not ended; nothing but usage counts.

  bool is_good() const { return !error && subtype == "success"; }
};

class MemberRunner {
 public:
  virtual ~MemberRunner() = default;
  // Sends the events of the turn but its terminal one, which becomes the answer. An Error when the turn could
  // not run at all. Several may run at once. Cancelling the task stops the turn. A turn that waits for people
  // sends no terminal event; a later call goes on with it.
  virtual Task<Result<MemberAnswer>> run(std::string member, MemberTurn turn, EventSink sink) = 0;
};

// How the state of a team, which it is run with, came about.
enum class Beginning {
  fresh,    // Nothing is done yet.
  decided,  // It waited for people; they have decided.
  cut_off,  // The process that ran it is gone. What it says to be running was cut off.
};

// What a team is asked.
struct TeamRequest {
  std::string message;
  std::vector<Message> history;  // Of the session: what the user and the team said before.
  Beginning beginning = Beginning::fresh;
};

}  // namespace isa::sdk::team
