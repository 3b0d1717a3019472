#include "agent/approvals/run_pause.h"

#include "agent/run_continuation.h"
#include "store/scope.h"

#include <algorithm>
#include <map>

namespace isa::agent {
namespace {

using store::Approval;
using store::ApprovalState;

Identity the_platform() {
  return {.user = UserId(std::string(store::kPlatformUser)), .orgs = {}, .is_internal = true};
}

CallKey key_of(const Approval& question) {
  return {question.agent, question.task_id.value_or(""), question.tool_use_id};
}

// Those of the run's questions, oldest first, that speak of these inquiries; of two about one call the later.
std::vector<Approval> about(const std::vector<Approval>& questions, const std::vector<Inquiry>& inquiries) {
  std::map<CallKey, Approval> latest;
  for (const auto& question : questions) latest.insert_or_assign(key_of(question), question);
  std::vector<Approval> found;
  for (const auto& inquiry : inquiries) {
    const auto at = inquiry.question ? latest.find(key_of(*inquiry.question)) : latest.end();
    if (at != latest.end()) found.push_back(at->second);
  }
  return found;
}

bool is_open(const Approval& question) {
  return question.state == ApprovalState::pending;
}

}  // namespace

// A log may hold what a program in a sandbox said to be a question, from when that was not dropped.
std::set<ApprovalId> asked_in(const std::vector<store::LoggedEvent>& events) {
  std::set<ApprovalId> asked;
  for (const auto& logged : events) {
    const auto event = sdk::event_from_wire(*logged.json);
    if (!event || event->type != sdk::EventType::hil_request) continue;
    const auto* id = event->metadata.if_contains("request_id");
    if (id && id->is_string()) asked.emplace(std::string(id->get_string()));
  }
  return asked;
}

Task<Result<std::vector<sdk::CallAnswer>>> RunPause::settle(LiveRun& run,
                                                            std::vector<sdk::PendingCall> pending,
                                                            bool is_stored) {
  auto inquiries = inquiries_of(run.order, pending, run.record.origins, now());
  const bool asks = std::ranges::any_of(inquiries, [](const Inquiry& i) { return i.question.has_value(); });
  std::map<CallKey, sdk::CallAnswer> decided;
  if (asks) {
    std::vector<Approval> questions;
    if (is_stored) {
      ISA_CO_TRY(const auto stored, co_await approvals_.of_run(run.id));
      questions = about(stored, inquiries);
    } else {
      ISA_CO_TRY(questions, co_await ask(run, pending, inquiries));
    }
    run.row.state = store::RunState::waiting;
    for (const auto& question : questions) {
      if (run.asked.contains(question.request_id)) continue;
      auto event = hil_request(run.order, question);
      ISA_CO_TRYV(co_await run.stream.push(std::move(event)));
      run.asked.insert(question.request_id);
    }
    // Whoever hears that the run waits finds its questions.
    ISA_CO_TRYV(co_await run.stream.written());
    run.changed.notify();
    ISA_CO_TRY(questions, co_await wait(run, std::move(questions)));
    ISA_CO_TRYV(co_await runs_.resume(run.id));
    run.row.state = store::RunState::running;
    for (const auto& question : questions) {
      auto event = hil_decided(run.order, question);
      ISA_CO_TRYV(co_await run.stream.push(std::move(event)));
      decided[key_of(question)] = answer_of(question);
    }
  }
  std::vector<sdk::CallAnswer> answers;
  for (auto& inquiry : inquiries) {
    const auto found = inquiry.question ? decided.find(key_of(*inquiry.question)) : decided.end();
    if (found != decided.end())
      answers.push_back(found->second);
    else if (inquiry.answer)
      answers.push_back(*std::move(inquiry.answer));
    else
      co_return internal_error("a question of run {} is not in the store", run.id.value());
  }
  co_return answers;
}

Task<Result<std::vector<Approval>>> RunPause::ask(LiveRun& run, const std::vector<sdk::PendingCall>& pending,
                                                  const std::vector<Inquiry>& inquiries) {
  std::vector<Approval> questions;
  for (const auto& inquiry : inquiries)
    if (inquiry.question) questions.push_back(*inquiry.question);
  auto continuation = write_continuation(run, pending);
  ISA_CO_TRYV(co_await runs_.suspend(run.id, std::move(continuation), questions));
  co_return questions;
}

Task<Result<std::vector<Approval>>> RunPause::wait(LiveRun& run, std::vector<Approval> questions) {
  for (;;) {
    const auto changes = run.changed.changes();
    ISA_CO_TRY(auto stored, co_await approvals_.of_run(run.id));
    for (auto& question : questions)
      for (const auto& one : stored)
        if (one.request_id == question.request_id) question = one;
    if (std::ranges::none_of(questions, is_open)) co_return questions;
    ISA_CO_TRY(const bool has_expired, co_await expire(questions));
    if (has_expired) continue;
    auto next = Timestamp::max();
    for (const auto& question : questions)
      if (is_open(question)) next = std::min(next, question.expires_at);
    const auto deadline = Deadline::after(std::max(next - now(), std::chrono::milliseconds(1)));
    if (run.changed.changes() == changes) co_await run.changed.wait(deadline);
  }
}

// To the safe side: what that is, answer_of() knows.
Task<Result<bool>> RunPause::expire(const std::vector<Approval>& questions) {
  bool has_expired = false;
  for (const auto& question : questions) {
    if (!is_open(question) || question.expires_at > now()) continue;
    store::ApprovalDecision decision{.state = ApprovalState::expired, .at = now()};
    auto decided =
        co_await approvals_.decide(the_platform(), question.run_id, question.request_id, std::move(decision));
    // Somebody was faster: the next look sees what they decided.
    if (!decided && decided.error().kind() != ErrorKind::conflict) co_return std::move(decided).error();
    has_expired = true;
  }
  co_return has_expired;
}

}  // namespace isa::agent
