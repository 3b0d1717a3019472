#include "sdk/team/dag.h"

#include "base/log.h"
#include "base/signal.h"
#include "base/task_group.h"
#include "sdk/team/bounded.h"
#include "sdk/team/prompts.h"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <deque>
#include <set>

namespace isa::sdk::team {
namespace {

class DagRun {
 public:
  DagRun(const TeamSpec& team, TeamRequest request, MemberRunner& runner, SharedState& shared,
         DagState& state, EventSink sink, asio::any_io_executor executor)
      : team_(team),
        request_(std::move(request)),
        runner_(runner),
        shared_(shared),
        state_(state),
        sink_(std::move(sink)),
        changed_(executor),
        running_(executor) {
    for (const auto& task : team_.tasks)
      for (const auto& need : task.depends_on) dependents_[need].insert(&task);
  }

  Task<Result<TeamOutcome>> run();

 private:
  struct Attempt {
    std::optional<std::string> failure;
    std::string output;
  };
  Task<void> schedule();
  Task<void> emit(Event event);
  Task<void> emit_start();
  Task<void> emit_state(TaskReport task);
  Task<void> find_ready();
  Task<void> skip_dependents(const TaskSpec& failed);
  Task<void> guarded(const TaskSpec& task);
  Task<void> work(const TaskSpec& task);
  Task<Attempt> attempt(const TaskSpec& task);
  MemberTurn turn_of(const TaskSpec& task);
  TeamOutcome outcome() const;

  const TeamSpec& team_;
  TeamRequest request_;
  MemberRunner& runner_;
  SharedState& shared_;
  DagState& state_;
  EventSink sink_;
  std::map<std::string_view, std::set<const TaskSpec*>> dependents_;
  std::deque<const TaskSpec*> ready_;
  std::int64_t active_ = 0;  // Tasks that were started and have not ended.
  std::optional<Error> sink_error_;
  std::optional<Error> bug_;
  Usage usage_;
  Signal changed_;  // A task ended, or something that ends the run happened.
  TaskGroup running_;
};

Task<Result<TeamOutcome>> DagRun::run() {
  std::exception_ptr failure;
  try {
    co_await schedule();
  } catch (...) {
    failure = std::current_exception();
  }
  // Once this is cancelled, which may have been without a throw so far, every co_await throws; but the tasks
  // must have ended before this object goes away.
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await running_.stop();
  co_await asio::this_coro::throw_if_cancelled(true);
  state_.cancel_rest("the run ended before it was completed");
  if (failure) std::rethrow_exception(failure);
  if (sink_error_) co_return Failure(*sink_error_);
  if (bug_) co_return Failure(*bug_);
  co_return outcome();
}

Task<void> DagRun::schedule() {
  co_await emit_start();
  co_await find_ready();
  while ((active_ > 0 || !ready_.empty()) && !sink_error_ && !bug_) {
    const auto before = changed_.changes();
    while (!ready_.empty() && active_ < team_.max_parallel) {
      const auto* task = ready_.front();
      ready_.pop_front();
      ++active_;
      running_.spawn("task " + task->id, guarded(*task));
    }
    if (changed_.changes() == before) co_await changed_.wait();
  }
}

Task<void> DagRun::emit(Event event) {
  if (sink_error_) co_return;
  if (auto sent = co_await sink_(std::move(event)); !sent && !sink_error_) {
    sink_error_ = std::move(sent).error();
    changed_.notify();
  }
}

Task<void> DagRun::emit_start() {
  json::array tasks;
  for (const auto& task : team_.tasks)
    tasks.push_back(json::object{{"task_id", task.id},
                                 {"title", task.title},
                                 {"agent", task.agent},
                                 {"depends_on", json::write(task.depends_on)},
                                 {"state", json::name_of(state_.at(task.id).state)}});
  Event event{EventType::system, fmt::format("The team has {} tasks.", team_.tasks.size()), {}};
  event.metadata["event"] = "dag_start";
  event.metadata["tasks"] = std::move(tasks);
  event.metadata["max_parallel"] = team_.max_parallel;
  co_await emit(std::move(event));
}

Task<void> DagRun::emit_state(TaskReport task) {
  Event event{EventType::system, "", {}};
  event.content = task.state == TaskState::completed
                      ? cut_end(task.output, kReportedOutputMax)
                      : fmt::format("Task '{}' is {}.", task.title, json::name_of(task.state));
  event.metadata = {{"event", "dag_task"},
                    {"task_id", task.task_id},
                    {"title", task.title},
                    {"agent", task.agent},
                    {"state", json::name_of(task.state)},
                    {"attempt", task.attempts}};
  if (task.reason) event.metadata["reason"] = *task.reason;
  if (task.duration_ms) event.metadata["duration_ms"] = *task.duration_ms;
  co_await emit(std::move(event));
}

// In the order of the spec, each task once.
Task<void> DagRun::find_ready() {
  std::vector<TaskReport> found;
  for (const auto& task : team_.tasks) {
    auto& report = state_.at(task.id);
    if (report.state != TaskState::pending) continue;
    const bool is_ready = std::ranges::all_of(
        task.depends_on, [&](const auto& id) { return state_.at(id).state == TaskState::completed; });
    if (!is_ready) continue;
    state_.step(report, TaskState::ready);
    ready_.push_back(&task);
    found.push_back(report);
  }
  for (auto& report : found) co_await emit_state(std::move(report));
}

// Every task that needs it, directly or not, at once: none of them runs any more.
Task<void> DagRun::skip_dependents(const TaskSpec& failed) {
  std::vector<TaskReport> skipped;
  std::deque<const TaskSpec*> queue{&failed};
  for (; !queue.empty(); queue.pop_front()) {
    for (const auto* task : dependents_[queue.front()->id]) {
      auto& report = state_.at(task->id);
      if (is_over(report.state)) continue;
      state_.step(report, TaskState::skipped);
      report.reason = fmt::format("the task '{}' failed, on which it depends", failed.id);
      skipped.push_back(report);
      queue.push_back(task);
    }
  }
  for (auto& report : skipped) co_await emit_state(std::move(report));
}

Task<void> DagRun::guarded(const TaskSpec& task) {
  try {
    co_await work(task);
  } catch (const boost::system::system_error& e) {
    if (e.code() != asio::error::operation_aborted)
      bug_ = internal_error("the task '{}' failed for an internal reason", task.id).with_detail(e.what());
  } catch (const std::exception& e) {
    bug_ = internal_error("the task '{}' failed for an internal reason", task.id).with_detail(e.what());
  }
  --active_;
  changed_.notify();
}

Task<void> DagRun::work(const TaskSpec& task) {
  auto& report = state_.at(task.id);
  const auto begin = Deadline::Clock::now();
  for (;;) {
    state_.step(report, TaskState::running);
    ++report.attempts;
    report.reason.reset();
    co_await emit_state(report);
    auto tried = co_await attempt(task);
    report.duration_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::Clock::now() - begin).count();
    report.output = cut_end(tried.output, kOutputMax);
    if (sink_error_) co_return;
    if (!tried.failure) {
      state_.step(report, TaskState::completed);
      co_await emit_state(report);
      co_await find_ready();
      co_return;
    }
    report.reason = std::move(tried.failure);
    if (report.attempts > task.retries) break;
    state_.step(report, TaskState::ready);
    co_await emit_state(report);
  }
  state_.step(report, TaskState::failed);
  co_await emit_state(report);
  co_await skip_dependents(task);
}

Task<DagRun::Attempt> DagRun::attempt(const TaskSpec& task) {
  EventSink sink = [this, &task](Event event) -> Task<Result<void>> {
    event.metadata["agent"] = task.agent;
    event.metadata["task_id"] = task.id;
    co_await emit(std::move(event));
    if (sink_error_) co_return Failure(*sink_error_);
    co_return ok();
  };
  auto turn = turn_of(task);
  const std::chrono::seconds limit(task.timeout_s);
  auto answer = co_await with_deadline(Deadline::after(limit), runner_.run(task.agent, std::move(turn), sink),
                                       fmt::format("it did not finish within its {} s", task.timeout_s));
  // A turn that was cut off with the run still answers: it did not fail.
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  if (cancellation.cancelled() != asio::cancellation_type::none)
    throw boost::system::system_error(asio::error::operation_aborted);
  Attempt tried;
  if (!answer) {
    tried.failure = answer.error().message();
    co_return tried;
  }
  usage_ += answer->usage;
  tried.output = std::move(answer->text);
  if (answer->error)
    tried.failure = answer->error->message();
  else if (answer->subtype != "success")
    tried.failure = fmt::format("the agent '{}' stopped before it finished: {}", task.agent, answer->subtype);
  co_return tried;
}

MemberTurn DagRun::turn_of(const TaskSpec& task) {
  MemberTurn turn;
  turn.agent = team_.find(task.agent)->agent;
  if (task.tools)
    std::erase_if(turn.agent.tools, [&](const auto& tool) {
      return std::ranges::find(*task.tools, tool) == task.tools->end();
    });
  turn.prompt = task_prompt(request_.message, task, state_);
  turn.history = request_.history;
  turn.tools = shared_.tools();
  return turn;
}

std::string report_of(const DagState& state) {
  std::string text;
  for (const auto& task : state.reports()) {
    if (task.state == TaskState::completed) continue;
    text += fmt::format("\n- {} ({}): {}{}", task.title, task.task_id, json::name_of(task.state),
                        task.reason ? ": " + *task.reason : "");
  }
  return text;
}

TeamOutcome DagRun::outcome() const {
  TeamOutcome outcome;
  for (const auto& task : team_.tasks) {
    const auto& report = state_.at(task.id);
    if (report.state != TaskState::completed) continue;
    outcome.agent_outputs[task.agent + ":" + task.id] = report.output;
    const bool is_sink = !dependents_.contains(task.id);
    if (!is_sink || report.output.empty()) continue;
    outcome.text += (outcome.text.empty() ? "" : "\n\n") + report.output;
    outcome.final_agent = task.agent;
  }
  if (outcome.final_agent.empty()) outcome.final_agent = team_.entry;
  outcome.shared_state = shared_.entries();
  outcome.tasks = state_.reports();
  outcome.usage = usage_;
  if (state_.all(TaskState::completed)) return outcome;
  outcome.subtype = "error_task_failed";
  outcome.text += (outcome.text.empty() ? "" : "\n\n") +
                  fmt::format("Not every task was completed:{}", report_of(state_));
  return outcome;
}

}  // namespace

Task<Result<TeamOutcome>> run_dag(const TeamSpec& team, TeamRequest request, MemberRunner& runner,
                                  SharedState& shared, DagState& state, EventSink sink) {
  DagRun run(team, std::move(request), runner, shared, state, std::move(sink),
             co_await asio::this_coro::executor);
  co_return co_await run.run();
}

}  // namespace isa::sdk::team
