// An agent that works in a folder of this machine. Before a shell command runs, the person at the terminal is
// asked.
//   gardener http://127.0.0.1:8082/v1 builtin/demo ./some-folder
#include "sdk/agent.h"

#include <cstdio>
#include <iostream>

using namespace isa;

// Blocks this program while it asks, which is what one wants of a terminal.
static Task<sdk::CallAnswer> ask(sdk::PendingCall call) {
  std::cout << "\nMay I call " << call.tool << " with " << json::serialize(call.args) << "? [y/n] "
            << std::flush;
  std::string line;
  std::getline(std::cin, line);
  sdk::CallAnswer answer;
  answer.run = line == "y";
  if (!answer.run) answer.text = "The person said no.";
  answer.is_error = !answer.run;
  co_return answer;
}

static Task<void> converse(sdk::Agent& agent) {
  std::string line;
  while (std::cout << "\n> " << std::flush && std::getline(std::cin, line)) {
    auto events = agent.query(line);
    while (auto event = co_await events.next()) {
      if (event->type == sdk::EventType::text) std::cout << *event->content << std::flush;
      if (event->type == sdk::EventType::error) std::cout << "error: " << *event->content << "\n";
    }
  }
}

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s MODEL_URL MODEL FOLDER\n", argv[0]);
    return 2;
  }
  bool is_good = false;
  sdk::run([&](asio::any_io_executor executor) -> Task<void> {
    sdk::AgentOptions options;
    options.spec.name = "gardener";
    options.spec.model = argv[2];
    options.spec.approvals = {"bash_execute"};
    options.workspace = argv[3];
    options.model_url = net::Url::parse(argv[1]).value();
    options.headers.set("X-User-Id", "example");
    options.decide = ask;
    auto agent = sdk::Agent::make(std::move(executor), std::move(options));
    if (!agent) {
      std::fprintf(stderr, "%s\n", agent.error().message().c_str());
      co_return;
    }
    is_good = true;
    co_await converse(**agent);
    co_await (*agent)->stop();
  });
  return is_good ? 0 : 1;
}
