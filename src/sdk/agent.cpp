#include "sdk/agent.h"

#include "sdk/http_chat_model.h"

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <exception>
#include <iterator>

namespace isa::sdk {
namespace {

CallAnswer denial(const PendingCall& call) {
  return {.tool_use_id = call.tool_use_id,
          .text = "This call needs a decision, and nobody is here to make it.",
          .is_error = true};
}

std::vector<std::string> names_of(const std::vector<std::shared_ptr<Tool>>& tools) {
  std::vector<std::string> names;
  for (const auto& tool : tools) names.push_back(tool->spec().name);
  return names;
}

}  // namespace

struct Agent::Impl {
  Impl(asio::any_io_executor executor, AgentOptions given)
      : options(std::move(given)), turn_ended(executor), queries(executor) {}

  Task<void> converse(std::string prompt, std::shared_ptr<EventStream::Source> to);
  Task<void> turn(std::string prompt, const std::shared_ptr<EventStream::Source>& to);
  Task<std::vector<CallAnswer>> decide(std::vector<PendingCall> pending);

  AgentOptions options;
  net::Client client;
  std::vector<Message> history;
  bool is_busy = false;
  Signal turn_ended;
  TaskGroup queries;
};

Task<std::vector<CallAnswer>> Agent::Impl::decide(std::vector<PendingCall> pending) {
  std::vector<CallAnswer> answers;
  for (auto& call : pending) {
    CallAnswer answer{.tool_use_id = call.tool_use_id, .run = true};
    if (call.reason != PendingReason::deferred) {
      const auto id = call.tool_use_id;
      if (options.decide)
        answer = co_await options.decide(std::move(call));
      else
        answer = denial(call);
      answer.tool_use_id = id;
    }
    answers.push_back(std::move(answer));
  }
  co_return answers;
}

Task<void> Agent::Impl::turn(std::string prompt, const std::shared_ptr<EventStream::Source>& to) {
  EventSink sink = [to](Event event) { return to->push(std::move(event)); };
  TurnInput input{.history = history, .message = std::move(prompt)};
  for (;;) {
    ToolBox tools(options.tools, options.spec.tools);
    auto outcome = co_await run_turn(options.spec, std::move(input), *options.model, tools, sink);
    if (outcome.pending.empty()) {
      std::ranges::move(outcome.new_messages, std::back_inserter(history));
      co_return;
    }
    auto answers = co_await decide(std::move(outcome.pending));
    input = TurnInput{.history = history, .message = {}};
    input.resumption = Resumption{std::move(outcome.new_messages), std::move(answers), outcome.progress};
  }
}

Task<void> Agent::Impl::converse(std::string prompt, std::shared_ptr<EventStream::Source> to) {
  struct Ending {
    Impl& impl;
    EventStream::Source& to;
    bool is_mine = false;
    ~Ending() {
      to.close();
      if (is_mine) impl.is_busy = false;
      impl.turn_ended.notify();
    }
  } ending{*this, *to};
  while (is_busy) co_await turn_ended.wait();
  ending.is_mine = is_busy = true;
  co_await turn(std::move(prompt), to);
}

Result<std::unique_ptr<Agent>> Agent::make(asio::any_io_executor executor, AgentOptions options) {
  if (options.spec.model.empty()) return validation_error("spec.model: name the model that the agent asks");
  if (!options.model && options.model_url.endpoint.to_string().empty())
    return validation_error("model_url: say where the model is asked, such as http://127.0.0.1:8082/v1");
  if (options.workspace) {
    ISA_TRY(auto own, workspace_tools({.path = *options.workspace, .env = {}, .processes = {}}));
    std::ranges::move(own, std::back_inserter(options.tools));
  }
  if (options.spec.tools.empty()) options.spec.tools = names_of(options.tools);
  auto impl = std::make_unique<Impl>(std::move(executor), std::move(options));
  auto& kept = impl->options;
  if (!kept.model)
    kept.model = make_http_chat_model(impl->client, kept.model_url, kept.headers, "the model's server");
  return std::unique_ptr<Agent>(new Agent(std::move(impl)));
}

Agent::Agent(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Agent::~Agent() = default;

EventStream Agent::query(std::string prompt) {
  auto source = std::make_shared<EventStream::Source>(impl_->queries.executor());
  impl_->queries.spawn("query", impl_->converse(std::move(prompt), source), source->cancellation());
  return EventStream(std::move(source));
}

const std::vector<Message>& Agent::history() const {
  return impl_->history;
}

Task<void> Agent::stop() {
  co_await impl_->queries.stop();
}

namespace {

Task<Result<std::string>> read_out(EventStream events, const EventSink& sink) {
  if (!sink) co_return co_await events.answer();
  Result<std::string> answer = upstream_error("the query ended without an answer");
  while (auto event = co_await events.next()) {
    if (event->is_terminal()) answer = answer_in(*event);
    if (auto taken = co_await sink(*std::move(event)); !taken) co_return std::move(taken).error();
  }
  co_return answer;
}

}  // namespace

Task<Result<std::string>> query(std::string prompt, AgentOptions options, EventSink sink) {
  auto executor = co_await asio::this_coro::executor;
  ISA_CO_TRY(const auto agent, Agent::make(std::move(executor), std::move(options)));
  auto answer = co_await read_out(agent->query(std::move(prompt)), sink);
  co_await agent->stop();
  co_return answer;
}

namespace {

Task<void> guarded(const std::function<Task<void>(asio::any_io_executor)>& program,
                   asio::any_io_executor executor, std::exception_ptr& failure) {
  try {
    co_await program(std::move(executor));
  } catch (...) {
    failure = std::current_exception();
  }
}

}  // namespace

void run(const std::function<Task<void>(asio::any_io_executor)>& program) {
  asio::io_context loop(1);
  TaskGroup tasks(loop.get_executor());
  std::exception_ptr failure;
  tasks.spawn("program", guarded(program, loop.get_executor(), failure));
  loop.run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace isa::sdk
