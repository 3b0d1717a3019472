// What a suspended turn asks of people, and what their decisions say to it.
#pragma once

#include "agent/live_run.h"
#include "store/approval.h"

namespace isa::agent {

// Those of the agent's tools that put a question to a person become the platform's to run.
void offer_questions(sdk::AgentSpec& agent);
// Which calls of `agent` wait for a person: what its config's rules name and, in mode COLLABORATIVE, its
// plan, before it is followed and at checkpoints.
void add_approvals(store::Mode mode, const std::vector<store::ApprovalRule>& rules, sdk::AgentSpec& agent);
// Those of them that need not wait any more, by what its owner said of `agent_id`.
void allow(sdk::AgentSpec& agent, const std::vector<store::Allowance>& allowances,
           const std::optional<AgentId>& agent_id);

// Whose calls they are, and what that agent asks about.
struct Asker {
  RunId run;
  SessionId session;
  UserId owner;
  std::optional<AgentId> agent_id;
  std::string agent;  // Its name.
  std::optional<std::string> task_id;
  store::Mode mode = store::Mode::REACTIVE;
  std::vector<store::ApprovalRule> rules;
  std::vector<std::string> client_tools;
};
// Of a run; `origin` names the member when its agent is a team.
Asker asker_of(const RunOrder& order, const CallOrigin* origin = nullptr);
// Of a member in the turn of its team.
Asker asker_of(const Turn& team_turn, const CallOrigin& origin);

// What becomes of one pending call: the question for a person, or an answer at once (a call that only stood
// behind another, arguments that make no sense, an agent that never asks).
struct Inquiry {
  sdk::PendingCall call;
  std::optional<store::Approval> question;
  std::optional<sdk::CallAnswer> answer;  // When there is no question.
};
Inquiry inquiry_of(const Asker& asker, sdk::PendingCall call, Timestamp at);
// Of all pending calls of a run. `origins`: of a team, whose they are, one by one.
std::vector<Inquiry> inquiries_of(const RunOrder& order, std::vector<sdk::PendingCall> pending,
                                  const std::vector<CallOrigin>& origins, Timestamp at);

// Of a question that was decided or has expired.
sdk::CallAnswer answer_of(const store::Approval& decided);

// `order` is that of the question's run: of a team, the events say which member asks.
sdk::Event hil_request(const RunOrder& order, const store::Approval& question);
sdk::Event hil_decided(const RunOrder& order, const store::Approval& decided);

}  // namespace isa::agent
