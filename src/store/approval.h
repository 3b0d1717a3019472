// Questions of agents to people: stored before they are shown, so that they can be answered from any client
// and after any restart (design: agents.md, "Approvals are durable").
#pragma once

#include "base/identity.h"
#include "base/json.h"
#include "store/agent_config.h"
#include "store/page.h"

namespace isa::store {

// tool: a call that the caller's own program runs, and answers with its result.
enum class ApprovalKind { authorization, input, review, choice, tool };
BOOST_DESCRIBE_ENUM(ApprovalKind, authorization, input, review, choice, tool)
enum class ApprovalState { pending, approved, denied, edited, expired, cancelled };
BOOST_DESCRIBE_ENUM(ApprovalState, pending, approved, denied, edited, expired, cancelled)

struct Approval {
  ApprovalId request_id;
  RunId run_id;
  SessionId session_id;
  UserId owner_id;
  std::optional<AgentId> agent_config_id;
  std::string agent;                   // Its name, for the inbox; of a team, the member's,
  std::optional<std::string> task_id;  // and of a team with tasks the one that it works on.
  std::string tool_use_id;
  std::string tool;
  std::string subject;  // What patterns match (sdk/approval_pattern.h).
  json::object args;
  ApprovalKind kind = ApprovalKind::authorization;
  std::string question;
  std::vector<std::string> options;
  std::optional<std::string> default_text;  // kind input and choice: the answer when nobody gives one.
  OnTimeout on_timeout = OnTimeout::deny;
  ApprovalState state = ApprovalState::pending;
  std::optional<json::object> edited_args;
  std::optional<std::string> text;  // Of whoever decided.
  std::optional<UserId> decided_by;
  Timestamp created_at;
  Timestamp expires_at;
  std::optional<Timestamp> decided_at;
};
BOOST_DESCRIBE_STRUCT(Approval, (),
                      (request_id, run_id, session_id, owner_id, agent_config_id, agent, task_id, tool_use_id,
                       tool, subject, args, kind, question, options, default_text, on_timeout, state,
                       edited_args, text, decided_by, created_at, expires_at, decided_at))

struct ApprovalDecision {
  ApprovalState state = ApprovalState::denied;  // approved, denied or edited; expired from the platform.
  std::optional<json::object> edited_args;
  std::optional<std::string> text;
  std::optional<UserId> by;
  Timestamp at;
};

// Calls of one agent that its owner need not be asked about any more.
struct Allowance {
  AllowanceId id;
  UserId owner_id;
  std::optional<AgentId> agent_config_id;  // Without: every ad-hoc chat of the owner.
  std::string pattern;
  Timestamp created_at;
};
BOOST_DESCRIBE_STRUCT(Allowance, (), (id, owner_id, agent_config_id, pattern, created_at))

// Approvals belong to the owner of their run; a foreign one is not_found. They go with their run.
class ApprovalStore {
 public:
  static constexpr std::int64_t kAllowancesMax = 200;  // Of one owner.

  virtual ~ApprovalStore() = default;
  virtual Task<Result<Approval>> find(Identity scope, RunId run, ApprovalId id) = 0;
  // Newest first; `cursor` is empty, or Page::next_cursor.
  virtual Task<Result<Page<Approval>>> list(Identity scope, std::optional<ApprovalState> state,
                                            std::string cursor, std::size_t limit) = 0;
  virtual Task<Result<std::vector<Approval>>> of_run(RunId run) = 0;  // Oldest first. Not scoped.
  // The first decision stands. The same decision again is that one's answer; another one, or one on what has
  // expired (by decision.at, also if nobody marked it so) or was cancelled, is a conflict that says so.
  virtual Task<Result<Approval>> decide(Identity scope, RunId run, ApprovalId id,
                                        ApprovalDecision decision) = 0;

  // conflict when the owner has kAllowancesMax already. One that is there already is that one's answer.
  virtual Task<Result<Allowance>> allow(Allowance allowance) = 0;
  virtual Task<Result<std::vector<Allowance>>> allowances(Identity scope) = 0;  // Oldest first.
  virtual Task<Result<void>> disallow(Identity scope, AllowanceId id) = 0;
};

}  // namespace isa::store
