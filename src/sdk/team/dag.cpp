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
         DagState& state, EventSink sink, SaveState save, asio::any_io_executor executor)
      : team_(team),
        request_(std::move(request)),
        runner_(runner),
        shared_(shared),
        state_(state),
        sink_(std::move(sink)),
        save_(std::move(save)),
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
    std::optional<WaitingTurn> waiting;
  };
  // A task that has its place among those that run, and where it goes on.
  struct Start {
    const TaskSpec* task;
    std::optional<WaitingTask> from;
  };
  Task<void> schedule();
  std::vector<Start> take_places();
  Task<void> emit(Event event);
  Task<void> emit_start();
  Task<void> emit_state(TaskReport task);
  Task<void> tell();
  void fail(Error error);
  void go_on();
  void find_ready();
  void skip_dependents(const TaskSpec& failed);
  Task<void> guarded(Start start);
  Task<void> work(Start start);
  void end_attempt(const TaskSpec& task, TaskReport& report, Attempt tried);
  Task<Attempt> attempt(const TaskSpec& task, std::optional<WaitingTask> from);
  Task<Result<void>> pass(const TaskSpec& task, Event event);
  MemberTurn turn_of(const TaskSpec& task);
  TeamOutcome outcome() const;

  const TeamSpec& team_;
  TeamRequest request_;
  MemberRunner& runner_;
  SharedState& shared_;
  DagState& state_;
  EventSink sink_;
  SaveState save_;
  std::map<std::string_view, std::set<const TaskSpec*>> dependents_;
  std::deque<const TaskSpec*> ready_;  // Also those that waited and go on.
  std::vector<TaskReport> news_;       // Changes that nobody was told of yet.
  std::int64_t active_ = 0;            // Tasks that were started and have not ended.
  std::optional<Error> sink_error_;    // Of the sink, or of save_.
  std::optional<Error> bug_;
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
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  const bool is_cancelled = cancellation.cancelled() != asio::cancellation_type::none;
  const bool is_waiting = !failure && !is_cancelled && !sink_error_ && !bug_ && !state_.waiting().empty();
  if (!is_waiting) state_.cancel_rest("the run ended before it was completed");
  if (failure) std::rethrow_exception(failure);
  if (sink_error_) co_return Failure(*sink_error_);
  if (bug_) co_return Failure(*bug_);
  co_return outcome();
}

Task<void> DagRun::schedule() {
  if (request_.beginning != Beginning::decided) co_await emit_start();
  go_on();
  find_ready();
  while ((active_ > 0 || !ready_.empty() || !news_.empty()) && !sink_error_ && !bug_) {
    const auto before = changed_.changes();
    auto starting = take_places();
    co_await tell();
    if (sink_error_) break;
    for (auto& start : starting) {
      const auto name = "task " + start.task->id;
      running_.spawn(name, guarded(std::move(start)));
    }
    if (active_ > 0 && changed_.changes() == before) co_await changed_.wait();
  }
}

std::vector<DagRun::Start> DagRun::take_places() {
  std::vector<Start> starting;
  for (; !ready_.empty() && active_ < team_.max_parallel; ready_.pop_front()) {
    const auto* task = ready_.front();
    auto& report = state_.at(task->id);
    auto& start = starting.emplace_back(Start{task, std::nullopt});
    if (report.state == TaskState::waiting) {
      start.from = state_.take_up(report);
    } else {
      state_.step(report, TaskState::running);
      ++report.attempts;
    }
    report.reason.reset();
    ++active_;
    news_.push_back(report);
  }
  return starting;
}

void DagRun::fail(Error error) {
  if (!sink_error_) sink_error_ = std::move(error);
  changed_.notify();
}

Task<void> DagRun::emit(Event event) {
  if (sink_error_) co_return;
  if (auto sent = co_await sink_(std::move(event)); !sent) fail(std::move(sent).error());
}

// What was told is stored: a task that somebody saw completed does not run again.
Task<void> DagRun::tell() {
  auto news = std::exchange(news_, {});
  if (news.empty()) co_return;
  if (save_) {
    if (auto saved = co_await save_(); !saved) {
      fail(std::move(saved).error());
      co_return;
    }
  }
  for (auto& report : news) co_await emit_state(std::move(report));
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
  event.metadata["agent"] =
      team_.entry;  // Every event is somebody's; so far the team has not divided its work.
  event.metadata["tasks"] = std::move(tasks);
  event.metadata["max_parallel"] = team_.max_parallel;
  if (request_.beginning == Beginning::cut_off) event.metadata["resumed"] = true;
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

// With what was running or waiting when the state was written.
void DagRun::go_on() {
  for (const auto& task : team_.tasks) {
    auto& report = state_.at(task.id);
    const auto waiting = state_.waiting().find(task.id);
    if (waiting != state_.waiting().end() && waiting->second.turn.is_decided()) ready_.push_back(&task);
    if (report.state != TaskState::running) continue;
    Attempt cut_off;
    cut_off.failure = "interrupted: the platform stopped while the task ran, nobody knows how far it came";
    end_attempt(task, report, std::move(cut_off));
  }
}

// In the order of the spec, each task once.
void DagRun::find_ready() {
  for (const auto& task : team_.tasks) {
    auto& report = state_.at(task.id);
    if (report.state != TaskState::pending) continue;
    const bool is_ready = std::ranges::all_of(
        task.depends_on, [&](const auto& id) { return state_.at(id).state == TaskState::completed; });
    if (!is_ready) continue;
    state_.step(report, TaskState::ready);
    ready_.push_back(&task);
    news_.push_back(report);
  }
}

// Every task that needs it, directly or not, at once: none of them runs any more.
void DagRun::skip_dependents(const TaskSpec& failed) {
  std::deque<const TaskSpec*> queue{&failed};
  for (; !queue.empty(); queue.pop_front()) {
    for (const auto* task : dependents_[queue.front()->id]) {
      auto& report = state_.at(task->id);
      if (is_over(report.state)) continue;
      state_.step(report, TaskState::skipped);
      report.reason = fmt::format("the task '{}' failed, on which it depends", failed.id);
      news_.push_back(report);
      queue.push_back(task);
    }
  }
}

Task<void> DagRun::guarded(Start start) {
  const auto id = start.task->id;
  try {
    co_await work(std::move(start));
  } catch (const boost::system::system_error& e) {
    if (e.code() != asio::error::operation_aborted)
      bug_ = internal_error("the task '{}' failed for an internal reason", id).with_detail(e.what());
  } catch (const std::exception& e) {
    bug_ = internal_error("the task '{}' failed for an internal reason", id).with_detail(e.what());
  }
  --active_;
  changed_.notify();
}

Task<void> DagRun::work(Start start) {
  const auto& task = *start.task;
  auto& report = state_.at(task.id);
  const auto before = start.from ? start.from->active_ms : 0;
  const auto begin = Deadline::Clock::now();
  auto tried = co_await attempt(task, std::move(start.from));
  const auto spent =
      std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::Clock::now() - begin).count();
  report.duration_ms = report.duration_ms.value_or(0) + spent;
  if (sink_error_) co_return;
  if (tried.waiting) {
    state_.suspend(report, {*std::move(tried.waiting), before + spent});
    news_.push_back(report);
  } else {
    end_attempt(task, report, std::move(tried));
  }
}

void DagRun::end_attempt(const TaskSpec& task, TaskReport& report, Attempt tried) {
  report.output = cut_end(tried.output, kOutputMax);
  report.reason = std::move(tried.failure);
  if (!report.reason) {
    state_.step(report, TaskState::completed);
    news_.push_back(report);
    find_ready();
  } else if (report.attempts > task.retries) {
    state_.step(report, TaskState::failed);
    news_.push_back(report);
    skip_dependents(task);
  } else {
    state_.step(report, TaskState::ready);
    news_.push_back(report);
    ready_.push_front(&task);  // It keeps its place before those that have not begun.
  }
}

// An event of a task's turn, with whose it is.
Task<Result<void>> DagRun::pass(const TaskSpec& task, Event event) {
  event.metadata["agent"] = task.agent;
  event.metadata["task_id"] = task.id;
  co_await emit(std::move(event));
  if (sink_error_) co_return Failure(*sink_error_);
  co_return ok();
}

Task<DagRun::Attempt> DagRun::attempt(const TaskSpec& task, std::optional<WaitingTask> from) {
  EventSink sink = [this, &task](Event event) { return pass(task, std::move(event)); };
  auto turn = turn_of(task);
  std::chrono::milliseconds limit = std::chrono::seconds(task.timeout_s);
  if (from) {
    limit = std::max<std::chrono::milliseconds>(limit - std::chrono::milliseconds(from->active_ms),
                                                std::chrono::seconds(1));
    turn.resumed = std::move(from->turn);
  }
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
  state_.usage += answer->usage;
  tried.waiting = std::move(answer->waiting);
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
  const auto is_taken = [&](std::string_view tool) {
    return task.tools && std::ranges::find(*task.tools, tool) == task.tools->end();
  };
  std::erase_if(turn.agent.tools, is_taken);
  std::erase_if(turn.agent.platform_tools, [&](const ToolSpec& tool) { return is_taken(tool.name); });
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
  outcome.usage = state_.usage;
  outcome.is_waiting = !state_.waiting().empty();
  if (state_.all(TaskState::completed)) return outcome;
  outcome.subtype = "error_task_failed";
  outcome.text += (outcome.text.empty() ? "" : "\n\n") +
                  fmt::format("Not every task was completed:{}", report_of(state_));
  return outcome;
}

}  // namespace

Task<Result<TeamOutcome>> run_dag(const TeamSpec& team, TeamRequest request, MemberRunner& runner,
                                  SharedState& shared, DagState& state, EventSink sink, SaveState save) {
  DagRun run(team, std::move(request), runner, shared, state, std::move(sink), std::move(save),
             co_await asio::this_coro::executor);
  co_return co_await run.run();
}

}  // namespace isa::sdk::team
