// What a suspended turn asks of people, and what their decisions say to it.
#pragma once

#include "agent/live_run.h"
#include "store/approval.h"

namespace isa::agent {

// Which calls of `agent` wait for a person: what its config's rules name and, in mode COLLABORATIVE, its
// plan, before it is followed and at checkpoints.
void add_approvals(store::Mode mode, const std::vector<store::ApprovalRule>& rules, sdk::AgentSpec& agent);

// The platform tools that put a question to a person: ask_human, request_authorization. Those of them that
// are among `allowed`, as a model is shown them.
std::vector<sdk::ToolSpec> question_tools(const std::vector<std::string>& allowed);

// What becomes of one pending call: the question for a person, or an answer at once (a call that only stood
// behind another, arguments that make no sense, an agent that never asks).
struct Inquiry {
  sdk::PendingCall call;
  std::optional<store::Approval> question;
  std::optional<sdk::CallAnswer> answer;  // When there is no question.
};
std::vector<Inquiry> inquiries_of(const RunOrder& order, std::vector<sdk::PendingCall> pending, Timestamp at);

// Of a question that was decided or has expired.
sdk::CallAnswer answer_of(const store::Approval& decided);

sdk::Event hil_request(const store::Approval& question);
sdk::Event hil_decided(const store::Approval& decided);

}  // namespace isa::agent
