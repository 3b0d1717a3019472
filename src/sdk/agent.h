// An agent in this very process: the loop, with any model that speaks OpenAI Chat Completions, and tools that
// are functions of the program.
//
//   Task<void> chat(asio::any_io_executor executor) {
//     AgentOptions options;
//     options.spec = {.name = "clerk", .model = "builtin/demo"};
//     options.model_url = net::Url::parse("http://127.0.0.1:8082/v1").value();
//     auto agent = Agent::make(executor, std::move(options)).value();
//     auto events = agent->query("What is 2+2?");
//     while (auto event = co_await events.next()) show(*event);
//     co_await agent->stop();
//   }
//   int main() { isa::sdk::run(chat); }
#pragma once

#include "base/task_group.h"
#include "net/endpoint.h"
#include "net/http.h"
#include "sdk/event_stream.h"
#include "sdk/loop.h"

#include <functional>
#include <memory>

namespace isa::sdk {

struct AgentOptions {
  AgentSpec spec;  // Without `tools` the agent has all of the tools below.
  std::vector<std::shared_ptr<Tool>> tools = {};
  std::optional<std::string> workspace =
      {};                                 // A folder: the file and shell tools work in it, without a sandbox.
  net::Url model_url = {};                // Ends before /chat/completions.
  net::Headers headers = {};              // Sent with each call of it, such as Authorization.
  std::shared_ptr<ChatModel> model = {};  // In place of model_url.
  // Decides on a call that spec.approvals names, or that names one of spec.platform_tools. Without it every
  // such call is denied.
  std::function<Task<CallAnswer>(PendingCall)> decide = {};
};

// A conversation: each query goes on where the last one ended. Lives on the event loop of its executor.
class Agent {
 public:
  // Errors say what the options lack: a model, a workspace that exists.
  static Result<std::unique_ptr<Agent>> make(asio::any_io_executor executor, AgentOptions options);
  ~Agent();  // Only after stop().

  // Queries of one agent answer one after the other.
  EventStream query(std::string prompt);
  // What was said so far, by queries that have ended.
  const std::vector<Message>& history() const;
  // Cancels what is under way and waits for its end.
  Task<void> stop();

 private:
  struct Impl;
  explicit Agent(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// One query of an agent that nobody needs afterwards; its events go to `sink`, which may be empty.
Task<Result<std::string>> query(std::string prompt, AgentOptions options, EventSink sink = {});

// Runs a program's task on an event loop of its own until it ends; rethrows an exception that leaves the
// task.
void run(const std::function<Task<void>(asio::any_io_executor)>& program);

}  // namespace isa::sdk
