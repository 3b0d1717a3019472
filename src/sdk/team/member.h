// How a team runs one of its agents, wherever that happens: in this process, in a sandbox, in a test.
#pragma once

#include "base/deadline.h"
#include "sdk/loop.h"
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
};

struct MemberAnswer {
  std::string text;
  std::string subtype = "success";  // Of the turn's result; "" when it ended with an error instead.
  Usage usage;
  std::vector<Message> new_messages;  // With the prompt; every tool call has its result.
  std::optional<Error> error;

  bool is_good() const { return !error && subtype == "success"; }
};

class MemberRunner {
 public:
  virtual ~MemberRunner() = default;
  // Sends the events of the turn but its terminal one, which becomes the answer. An Error when the turn could
  // not run at all. Several may run at once. Cancelling the task stops the turn.
  virtual Task<Result<MemberAnswer>> run(std::string member, MemberTurn turn, EventSink sink) = 0;
};

// What a team is asked.
struct TeamRequest {
  std::string message;
  std::vector<Message> history;  // Of the session: what the user and the team said before.
};

}  // namespace isa::sdk::team
