#include "agent/hand_over.h"

#include "base/log.h"
#include "base/shield.h"

#include <algorithm>

namespace isa::agent {
namespace {

Error not_listening(const LiveRun& run) {
  return conflict("run {} is {}: only one that is under way hears more", run.id.value(),
                  json::name_of(run.row.state))
      .with_code("turn_not_running");
}

bool is_under_way(const LiveRun& run) {
  return !run.ending && run.stop == StopReason::none &&
         (run.is_waiting() || run.row.state == store::RunState::running);
}

// It is its own again. Who wanted to end it meanwhile does so now.
void set_free(LiveRun& queued) {
  queued.speech->is_handed = false;
  if (queued.stop_later != StopReason::none)
    queued.request_stop(std::exchange(queued.stop_later, StopReason::none));
}

}  // namespace

RunOrder order_after(const LiveRun& run, std::string message) {
  auto order = run.order;
  order.id = RunId::make();
  order.trace = TraceContext::make();
  order.is_new_session = order.ends_with_reader = false;
  order.message = std::move(message);
  order.metadata.clear();  // It was of that one request.
  return order;
}

Result<void> HandOver::check_hears(const LiveRun& run) const {
  if (run.order.team && run.order.team->spec.runs_as_dag())
    return conflict(
               "run {} is a team's with tasks: several of them may be under way, and the message would not "
               "know which it is for; wait for the run's end, or cancel it",
               run.id.value())
        .with_code("turn_not_running");
  if (!places_.contains(run.order.env) || !is_under_way(run)) return not_listening(run);
  return ok();
}

TurnExecutor& HandOver::place_of(const LiveRun& run) const {
  return run.order.team ? teams_ : *places_.at(run.order.env);
}

Task<Result<void>> HandOver::say(LiveRun& run, std::string message) {
  ISA_CO_TRYV(check_hears(run));
  const auto kept = registry_.find(run.id);
  if (run.is_waiting() || !kept) co_return not_listening(run);
  co_return co_await shielded(asking_, "word to " + run.id.value(), say_it(kept, std::move(message)));
}

Task<Result<void>> HandOver::say_it(std::shared_ptr<LiveRun> run, std::string message) {
  const auto number = ++words_;
  run->unheard.push_back({number, message, true});
  auto taken = co_await place_of(*run).steer(run->order.session.id, run->id, message);
  const auto word = std::ranges::find(run->unheard, number, &Word::number);
  if (word == run->unheard.end()) co_return ok();  // It was heard before the place had answered.
  word->is_offered = false;
  if (taken && !run->ending) co_return taken;
  run->unheard.erase(word);
  run->unanswered.push_back(std::move(message));
  co_return taken ? not_listening(*run) : taken;
}

Task<Result<void>> HandOver::give(LiveRun& queued, LiveRun& to) {
  ISA_CO_TRYV(check_hears(to));
  if (queued.is_handed()) co_return ok();
  auto speaker = registry_.find(queued.id);
  auto hearer = registry_.find(to.id);
  if (!speaker || !hearer) co_return not_listening(to);
  co_return co_await shielded(asking_, "message to " + to.id.value(),
                              give_it(std::move(speaker), std::move(hearer)));
}

Task<Result<void>> HandOver::give_it(std::shared_ptr<LiveRun> queued, std::shared_ptr<LiveRun> to) {
  queued->speech = Speech{.to = to->id};
  if (auto kept = co_await runs_.speak_to(queued->id, to->id); !kept) {
    if (!queued->is_handed()) queued->speech.reset();
    co_return kept;
  }
  if (!queued->speech) co_return not_listening(*to);  // It is over.
  // Or it has gone on, and taken the message along.
  if (queued->is_handed() || to->is_waiting()) co_return ok();
  co_return co_await offer(*queued, *to);
}

Task<Result<void>> HandOver::offer(LiveRun& queued, LiveRun& to) {
  Result<void> taken = not_listening(to);
  if (is_under_way(to) && queued.stop == StopReason::none) {
    queued.speech->is_offered = queued.speech->is_handed = true;
    taken = co_await place_of(to).steer(to.order.session.id, to.id, queued.order.message);
    if (!queued.speech) co_return taken;  // `to` is over.
    queued.speech->is_offered = false;
    if (queued.speech->is_heard) co_return ok();
    if (taken && !to.is_waiting()) co_return taken;
    if (!taken) to.unanswered.push_back(queued.order.message);
    set_free(queued);
    if (to.is_waiting()) co_return ok();  // It was suspended meanwhile: it hears it when it goes on.
  }
  queued.speech.reset();
  if (const auto undone = co_await runs_.speak_to(queued.id, std::nullopt); !undone)
    log::warn("run.still_speaks", {{"run_id", queued.id.value()}, {"detail", undone.error().message()}});
  co_return taken;
}

std::vector<std::string> HandOver::said_to(const LiveRun& run) {
  std::vector<std::string> said;
  for (const auto& word : run.unheard)
    if (!word.is_offered) said.push_back(word.text);
  for (const auto& queued : speakers_to(run)) {
    if (queued->speech->is_offered || queued->stop != StopReason::none) continue;
    queued->speech->is_handed = true;
    said.push_back(queued->order.message);
  }
  return said;
}

void HandOver::take_back(const LiveRun& run) {
  for (const auto& queued : speakers_to(run))
    if (!queued->speech->is_offered && !queued->speech->is_heard) set_free(*queued);
}

Task<Result<void>> HandOver::hear(LiveRun& run, sdk::Event event) {
  event.metadata.erase("queued_run_id");  // The platform's own word.
  if (run.recorder.terminal()) co_return ok();
  const auto [is_known, queued] = heard_by(run, *event.content);
  // A program in a sandbox does not put words into the user's mouth.
  if (!is_known) co_return ok();
  if (queued) event.metadata["queued_run_id"] = queued->id.value();
  ISA_CO_TRYV(co_await run.recorder.take(std::move(event)));
  if (!queued) co_return ok();
  if (queued->speech) queued->speech->is_heard = true;
  ISA_CO_TRYV(co_await run.stream.written());
  queued->request_stop(StopReason::steered);
  while (!queued->ending) co_await queued->changed.wait();
  co_return ok();
}

void HandOver::release(const LiveRun& run) {
  for (const auto& queued : speakers_to(run)) {
    // The run ended between hearing it and saying so to it.
    if (queued->speech->is_heard)
      queued->request_stop(StopReason::steered);
    else
      set_free(*queued);
    queued->speech.reset();
  }
}

// In the order of the queue.
std::vector<std::shared_ptr<LiveRun>> HandOver::speakers_to(const LiveRun& run) const {
  auto all = registry_.of_session(run.order.session.id);
  std::erase_if(all, [&](const auto& one) {
    return !one->speech || one->speech->to != run.id || one->row.state != store::RunState::queued;
  });
  return all;
}

// A word that was said to the run itself is no longer unheard.
HandOver::Heard HandOver::heard_by(LiveRun& run, const std::string& said) const {
  const auto word = std::ranges::find(run.unheard, said, &Word::text);
  if (word != run.unheard.end()) {
    run.unheard.erase(word);
    return {true, nullptr};
  }
  for (const auto& queued : speakers_to(run))
    if (queued->is_handed() && !queued->speech->is_heard && queued->order.message == said)
      return {true, queued};
  const auto late = std::ranges::find(run.unanswered, said);
  if (late == run.unanswered.end()) return {};
  run.unanswered.erase(late);
  return {true, nullptr};
}

}  // namespace isa::agent
