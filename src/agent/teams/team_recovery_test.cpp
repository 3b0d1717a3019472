// The platform is killed with SIGKILL in the middle of a team's tasks, and started again on the same folder.
#include "agent/test_crash.h"
#include "agent/test_platform.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using net::Method;
using testing::Platform;
using testing::Reader;
using testing::run_and_kill;
using testing::tell;
using testing::TempFolder;

// Three tasks in a row.
std::string body_of(int retries) {
  return fmt::format(
      R"({{"prompt":"go","session_id":"s","routing_type":"dag","agents":[{{"name":"a"}}],"tasks":[{{"id":"first"}},
          {{"id":"second","depends_on":["first"],"retries":{}}},{{"id":"third","depends_on":["second"]}}]}})",
      retries);
}

std::vector<std::string> by_task(const sdk::ChatRequest& request) {
  const auto prompt = request.messages.back().text();
  for (const std::string id : {"first", "second", "third"})
    if (prompt.find("<task id=\"" + id + "\">") != std::string::npos) return {"done ", id};
  return {"?"};
}

Task<void> follow(const net::Response& response, Reader& reader) {
  co_await response.stream(reader);
}

// The first piece of its answer came. dag_start names the task as well.
bool is_second_at_work(const std::vector<net::SseEvent>& events) {
  return !events.empty() && events.back().data.find(R"("type":"text")") != std::string::npos &&
         events.back().data.find(R"("task_id":"second")") != std::string::npos;
}

// Hangs in the answer of the second task.
Task<void> doomed(std::filesystem::path folder, int retries, int report) {
  Platform platform(co_await asio::this_coro::executor, folder);
  if (!co_await platform.service->start()) ::_exit(3);
  auto& model = platform.model;
  model.answers = [&](const sdk::ChatRequest& request) {
    auto pieces = by_task(request);
    if (pieces.back() == "second") model.pause_after = 1;
    return pieces;
  };
  TaskGroup tasks(co_await asio::this_coro::executor);
  Reader reader(tasks.executor());
  const auto response =
      co_await platform.send({Method::post, "/api/v1/agents/swarm/stream", body_of(retries)});
  tasks.spawn("reader", follow(response, reader));
  while (!is_second_at_work(reader.events())) co_await reader.wait_for_events(reader.events().size() + 1);
  tell(report, std::string(response.headers.get("X-Run-Id")) + "\n" + reader.text + '\0');
  co_await sleep_until(Deadline::never());
}

struct After {
  std::string stream;
  json::value run;
  std::vector<std::string> asked;  // Of the model, after the restart: the tasks.
};

Task<void> start_again(std::filesystem::path folder, std::string run, After& after) {
  Platform platform(co_await asio::this_coro::executor, folder);
  platform.model.answers = [&](const sdk::ChatRequest& request) {
    after.asked.push_back(by_task(request).back());
    return by_task(request);
  };
  EXPECT_TRUE(co_await platform.service->start());
  const auto events = co_await platform.send({Method::get, "/api/v1/agents/runs/" + run + "/events"});
  after.stream = co_await platform.read(events);  // To its end.
  after.run = co_await platform.get("/api/v1/agents/runs/" + run);
  co_await platform.service->stop();
}

After killed_and_started_again(int retries) {
  const TempFolder folder;
  const auto seen = run_and_kill([&](int report) { return doomed(folder.path(), retries, report); });
  After after;
  isa::testing::run(start_again(folder.path(), seen.run, after));
  EXPECT_TRUE(after.stream.starts_with(seen.stream));  // What was seen is still so, byte for byte.
  return after;
}

TEST(TeamRecovery, WhatWasCompletedIsNeverAskedAgainAndWhatRanIsTriedAgainWhereItMayBe) {
  const auto after = killed_and_started_again(1);
  EXPECT_EQ(after.asked, (std::vector<std::string>{"second", "third"}));
  EXPECT_EQ(after.run.at("state").as_string(), "succeeded");
  EXPECT_NE(after.stream.find(R"("resumed":true)"), std::string::npos);
  EXPECT_NE(after.stream.find("interrupted"), std::string::npos);
}

TEST(TeamRecovery, WhatRanWithoutRetriesHasFailedAndItsDependentsAreSkipped) {
  const auto after = killed_and_started_again(0);
  EXPECT_TRUE(after.asked.empty());
  EXPECT_NE(after.stream.find("the task 'second' failed"), std::string::npos);
  EXPECT_EQ(after.run.at("state").as_string(), "failed");
  EXPECT_EQ(after.run.at("error_code").as_string(), "error_task_failed");
  EXPECT_NE(after.stream.find(R"("state":"skipped")"), std::string::npos);
}

}  // namespace
}  // namespace isa::agent
