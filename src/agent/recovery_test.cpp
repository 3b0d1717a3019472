// The platform is killed with SIGKILL in the middle of a run, in a process of its own, and started again on
// the same folder.
#include "agent/recovery.h"

#include "agent/run_continuation.h"
#include "agent/test_crash.h"
#include "agent/test_platform.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using net::Method;
using testing::Platform;
using testing::Reader;
using testing::run_and_kill;
using testing::Seen;
using testing::tell;
using testing::TempFolder;
using testing::types_of;

Task<void> follow(const net::Response& response, Reader& reader) {
  co_await response.stream(reader);
}

// Begins a chat, shows `pieces` pieces of the answer, reports the run and the stream so far, and hangs.
Task<void> doomed(std::filesystem::path folder, std::size_t pieces, int report) {
  Platform platform(co_await asio::this_coro::executor, folder);
  if (!co_await platform.service->start()) ::_exit(3);
  platform.model.pieces = {"a", "b", "c", "d", "e"};
  platform.model.pause_after = pieces;
  TaskGroup tasks(co_await asio::this_coro::executor);
  Reader reader(tasks.executor());
  const auto response =
      co_await platform.send({Method::post, "/api/v1/agents/chat", R"({"message":"hi","session_id":"s"})"});
  tasks.spawn("reader", follow(response, reader));
  co_await reader.wait_for_events(2 + pieces);
  tell(report, std::string(response.headers.get("X-Run-Id")) + "\n" + reader.text + '\0');
  co_await sleep_until(Deadline::never());
}

Task<void> check_recovered(std::filesystem::path folder, Seen seen, std::size_t pieces) {
  Platform platform(co_await asio::this_coro::executor, folder);
  EXPECT_TRUE(co_await platform.service->start());
  const auto all = co_await platform.send({Method::get, "/api/v1/agents/runs/" + seen.run + "/events"});
  const auto stream = co_await platform.read(all);
  EXPECT_TRUE(stream.starts_with(seen.stream));  // Byte for byte what the client had, then the end.

  std::vector<std::string> expected{"session_start", "system"};
  expected.insert(expected.end(), pieces, "text");
  expected.insert(expected.end(), {"error", "session_end", "[DONE]"});
  EXPECT_EQ(types_of(stream), expected);
  EXPECT_NE(stream.find(R"("code":"interrupted")"), std::string::npos);

  const auto after = fmt::format("/api/v1/agents/runs/{}/events?after={}", seen.run, 2 + pieces);
  const auto rest = co_await platform.send({Method::get, after});
  EXPECT_EQ(seen.stream + co_await platform.read(rest), stream);

  const auto run = co_await platform.get("/api/v1/agents/runs/" + seen.run);
  EXPECT_EQ(run.at("state").as_string(), "failed");
  const auto messages = co_await platform.get("/api/v1/agents/sessions/s/messages");
  EXPECT_EQ(messages.at("messages").as_array().size(), pieces == 0 ? 1u : 2u);
  EXPECT_TRUE((co_await platform.log->recover())->empty());
  const auto again =
      co_await platform.post("/api/v1/agents/chat", R"({"message":"x","stream":false,"session_id":"s"})");
  EXPECT_EQ(again.at("status").as_string(), "success");
  co_await platform.service->stop();
}

TEST(Recovery, AClientGetsTheSameStreamAndItsEndAfterAKillAtEveryToken) {
  for (std::size_t pieces = 0; pieces <= 5; ++pieces) {
    const TempFolder folder;
    auto seen = run_and_kill([&](int report) { return doomed(folder.path(), pieces, report); });
    ASSERT_TRUE(seen.run.starts_with("run_"));
    isa::testing::run(check_recovered(folder.path(), std::move(seen), pieces));
  }
}

const char* const kFirst = R"({"message":"first","session_id":"s"})";
const char* const kSecond = R"({"message":"second","session_id":"s"})";

// A run that has not said a word yet, and one of the same session that waits for it.
Task<net::Response> begin_two_runs(Platform& platform) {
  EXPECT_TRUE(co_await platform.service->start());
  platform.model.pause_after = 0;
  std::ignore = co_await platform.send({Method::post, "/api/v1/agents/chat", kFirst});
  co_await platform.model.wait_for_requests(1);
  co_return co_await platform.send({Method::post, "/api/v1/agents/chat", kSecond});
}

Task<void> doomed_with_a_queue(std::filesystem::path folder, int report) {
  Platform platform(co_await asio::this_coro::executor, folder);
  const auto waiting = co_await begin_two_runs(platform);
  tell(report, std::string(waiting.headers.get("X-Run-Id")) + "\n" + '\0');
  co_await sleep_until(Deadline::never());
}

Task<void> check_that_both_were_kept(std::filesystem::path folder, std::string waiting) {
  Platform platform(co_await asio::this_coro::executor, folder);
  EXPECT_TRUE(co_await platform.service->start());
  const auto events = co_await platform.send({Method::get, "/api/v1/agents/runs/" + waiting + "/events"});
  EXPECT_EQ(types_of(co_await platform.read(events)).back(), "[DONE]");
  const auto run = co_await platform.get("/api/v1/agents/runs/" + waiting);
  EXPECT_EQ(run.at("state").as_string(), "succeeded");
  EXPECT_EQ(platform.model.requests.size(), 1u);
  const auto kept = co_await platform.get("/api/v1/agents/sessions/s/messages");
  std::vector<std::string> said;
  for (const auto& one : kept.at("messages").as_array())
    said.push_back(sdk::message_from_json(one.at("message").as_object())->text());
  EXPECT_EQ(said, (std::vector<std::string>{"first", "second", "Hello, world"}));
  co_await platform.service->stop();
}

TEST(Recovery, ARunThatStillWaitedRunsAfterAKillAndTheOneThatHadBegunDoesNot) {
  const TempFolder folder;
  const auto seen = run_and_kill([&](int report) { return doomed_with_a_queue(folder.path(), report); });
  ASSERT_TRUE(seen.run.starts_with("run_"));
  isa::testing::run(check_that_both_were_kept(folder.path(), seen.run));
}

Task<std::string> stop_with_a_queue(std::filesystem::path folder) {
  Platform platform(co_await asio::this_coro::executor, folder);
  const auto waiting = co_await begin_two_runs(platform);
  co_await platform.service->stop();
  co_return std::string(waiting.headers.get("X-Run-Id"));
}

TEST(Recovery, AnOrderlyStopKeepsAsMuchAsAKill) {
  const TempFolder folder;
  const auto waiting = isa::testing::run(stop_with_a_queue(folder.path()));
  isa::testing::run(check_that_both_were_kept(folder.path(), waiting));
}

store::LoggedEvent logged(const store::Run& run, std::int64_t seq, sdk::Event event) {
  return {seq, std::make_shared<const std::string>(sdk::to_wire(event, run.id, seq, run.session_id, now()))};
}

struct Stores {
  explicit Stores(const std::filesystem::path& folder)
      : store(store::sqlite::SqliteStore::open(folder / "isa.db").value()),
        log(store::open_file_event_log({.folder = folder / "events"}).value()) {}
  std::unique_ptr<store::sqlite::SqliteStore> store;
  std::unique_ptr<store::EventLog> log;
};

Task<store::Run> unfinished_run(Stores& stores) {
  store::Session session{
      .id = SessionId("s"), .owner_id = UserId("ann"), .created_at = now(), .updated_at = now()};
  EXPECT_TRUE(co_await stores.store->sessions().create(session));
  store::Run run{.id = RunId::make(),
                 .session_id = session.id,
                 .owner_id = session.owner_id,
                 .message = "hi",
                 .created_at = now()};
  EXPECT_TRUE(co_await stores.store->runs().create(run));
  EXPECT_TRUE(co_await stores.store->runs().mark_running(run.id, now()));
  co_return run;
}

Task<std::vector<std::string>> recovered_types(Stores& stores, store::Run run) {
  EXPECT_TRUE(co_await recover_runs(stores.store->runs(), *stores.log));
  const auto events = co_await stores.store->runs().events(run.id, 0);
  std::vector<std::string> types;
  for (const auto& event : *events) {
    types.push_back(std::string(json::parse(*event.json)->at("type").as_string()));
    EXPECT_EQ(event.seq, static_cast<std::int64_t>(types.size()));
  }
  co_return types;
}

Task<void> killed_before_the_first_event() {
  const TempFolder folder;
  Stores stores(folder.path());
  const auto run = co_await unfinished_run(stores);
  const std::vector<std::string> expected{"session_start", "error", "session_end"};
  EXPECT_EQ(co_await recovered_types(stores, run), expected);
  const auto events = co_await stores.store->runs().events(run.id, 0);
  const auto start = sdk::event_from_wire(*events->front().json).value();
  const json::object metadata{{"agent_id", nullptr}, {"agent_version", nullptr}, {"resumed", false}};
  EXPECT_EQ(start.metadata, metadata);
}

TEST(Recovery, ARunWithoutASingleEventGetsAWholeStream) {
  isa::testing::run(killed_before_the_first_event());
}

Task<void> killed_after_the_result() {
  const TempFolder folder;
  Stores stores(folder.path());
  const auto run = co_await unfinished_run(stores);
  std::vector<store::LoggedEvent> events;
  events.push_back(logged(run, 1, {sdk::EventType::session_start, "", {}}));
  events.push_back(logged(run, 2, sdk::text_event("42")));
  events.push_back(logged(run, 3, {sdk::EventType::result, "42", {{"subtype", "success"}}}));
  EXPECT_TRUE(co_await stores.log->append(run.id, events));

  const std::vector<std::string> expected{"session_start", "text", "result", "session_end"};
  EXPECT_EQ(co_await recovered_types(stores, run), expected);
  const auto row = co_await stores.store->runs().find({.user = UserId("ann")}, run.id);
  EXPECT_EQ(row->state, store::RunState::succeeded);
  EXPECT_EQ(row->response, "42");
}

TEST(Recovery, ARunWhoseResultWasShownKeepsIt) {
  isa::testing::run(killed_after_the_result());
}

Task<void> killed_during_a_tool_call() {
  const TempFolder folder;
  Stores stores(folder.path());
  const auto run = co_await unfinished_run(stores);
  std::vector<store::LoggedEvent> events;
  events.push_back(logged(run, 1, {sdk::EventType::session_start, "", {}}));
  events.push_back(logged(run, 2, {sdk::EventType::tool_use, "", {{"tool_use_id", "a"}, {"tool", "t"}}}));
  events.push_back(logged(run, 3, {sdk::EventType::tool_use, "", {{"tool_use_id", "b"}, {"tool", "t"}}}));
  events.push_back(logged(run, 4, {sdk::EventType::tool_result, "", {{"tool_use_id", "a"}, {"tool", "t"}}}));
  EXPECT_TRUE(co_await stores.log->append(run.id, events));

  const auto types = co_await recovered_types(stores, run);
  const std::vector<std::string> added{"tool_result", "error", "session_end"};
  EXPECT_EQ(std::vector(types.begin() + 4, types.end()), added);
}

TEST(Recovery, AToolCallThatWasCutOffIsAnswered) {
  isa::testing::run(killed_during_a_tool_call());
}

Task<void> killed_during_recovery() {
  const TempFolder folder;
  Stores stores(folder.path());
  const auto run = co_await unfinished_run(stores);
  std::vector<store::LoggedEvent> events;
  events.push_back(logged(run, 1, {sdk::EventType::session_start, "", {}}));
  events.push_back(logged(run, 2, sdk::error_event("interrupted", "m", true)));
  events.push_back(logged(run, 3, {sdk::EventType::session_end, "", {}}));
  EXPECT_TRUE(co_await stores.log->append(run.id, events));
  const std::vector<std::string> expected{"session_start", "error", "session_end"};
  EXPECT_EQ(co_await recovered_types(stores, run), expected);
  EXPECT_EQ(co_await recovered_types(stores, run), expected);
}

TEST(Recovery, CanBeCutOffAndRepeated) {
  isa::testing::run(killed_during_recovery());
}

// A run that waits behind `hearer`, which its message was handed to.
Task<store::Run> queued_behind(Stores& stores, const store::Run& hearer, std::string message) {
  store::Run run{.id = RunId::make(),
                 .session_id = hearer.session_id,
                 .owner_id = hearer.owner_id,
                 .message = std::move(message),
                 .created_at = now()};
  RunOrder order;
  order.identity.user = hearer.owner_id;
  store::QueueEntry entry{write_order(order), 1, hearer.id};
  EXPECT_TRUE(co_await stores.store->runs().create(run, entry));
  co_return run;
}

sdk::Event heard(const store::Run& queued) {
  sdk::Event event{sdk::EventType::system, queued.message, {}};
  event.metadata["event"] = "steered";
  event.metadata["queued_run_id"] = queued.id.value();
  return event;
}

Task<std::vector<std::string>> words_in_history(Stores& stores) {
  const auto messages = co_await stores.store->sessions().messages({.user = UserId("ann")}, SessionId("s"));
  std::vector<std::string> words;
  for (const auto& one : *messages) words.push_back(sdk::message_from_json(one.message)->text());
  co_return words;
}

Task<void> killed_after_a_message_was_heard(bool ended_before) {
  const TempFolder folder;
  Stores stores(folder.path());
  const auto hearer = co_await unfinished_run(stores);
  const auto queued = co_await queued_behind(stores, hearer, "use blue");
  std::vector<store::LoggedEvent> events;
  events.push_back(logged(hearer, 1, {sdk::EventType::session_start, "", {}}));
  events.push_back(logged(hearer, 2, heard(queued)));
  EXPECT_TRUE(co_await stores.log->append(hearer.id, events));
  if (ended_before) {  // By a recovery that was cut off between the two.
    auto row = hearer;
    row.state = store::RunState::failed;
    EXPECT_TRUE(co_await stores.store->runs().finish(
        row, events, history_of(row.id, now(), row.message, std::nullopt, events)));
    EXPECT_TRUE(co_await stores.log->release(hearer.id));
  }

  const auto report = co_await recover_runs(stores.store->runs(), *stores.log);
  EXPECT_TRUE(report && report->waiting.empty());
  const auto row = co_await stores.store->runs().find({.user = UserId("ann")}, queued.id);
  EXPECT_EQ(row->state, store::RunState::cancelled);
  EXPECT_EQ(row->error_code, "steered");
  EXPECT_EQ(co_await words_in_history(stores), (std::vector<std::string>{"hi", "use blue"}));
}

TEST(Recovery, AMessageThatWasHeardIsNotSaidOnceMore) {
  isa::testing::run(killed_after_a_message_was_heard(false));
  isa::testing::run(killed_after_a_message_was_heard(true));
}

Task<void> killed_before_a_message_was_heard() {
  const TempFolder folder;
  Stores stores(folder.path());
  const auto hearer = co_await unfinished_run(stores);
  const auto queued = co_await queued_behind(stores, hearer, "use blue");
  const auto report = co_await recover_runs(stores.store->runs(), *stores.log);
  EXPECT_EQ(report->ended, 1u);
  EXPECT_EQ(report->waiting.size(), 1u);
  if (!report->waiting.empty()) EXPECT_EQ(report->waiting[0].row.id, queued.id);
  EXPECT_EQ(co_await words_in_history(stores), (std::vector<std::string>{"hi"}));
}

TEST(Recovery, AMessageThatWasNotHeardStaysARunOfItsOwn) {
  isa::testing::run(killed_before_a_message_was_heard());
}

Task<void> killed_after_a_queued_run_was_cancelled() {
  const TempFolder folder;
  Stores stores(folder.path());
  const auto first = co_await unfinished_run(stores);
  const auto queued = co_await queued_behind(stores, first, "never mind");
  std::vector<store::LoggedEvent> events;
  events.push_back(logged(queued, 1, {sdk::EventType::session_start, "", {}}));
  events.push_back(logged(queued, 2, {sdk::EventType::result, "", {{"subtype", "interrupted"}}}));
  EXPECT_TRUE(co_await stores.log->append(queued.id, events));
  const auto report = co_await recover_runs(stores.store->runs(), *stores.log);
  EXPECT_TRUE(report && report->waiting.empty());
  const auto row = co_await stores.store->runs().find({.user = UserId("ann")}, queued.id);
  EXPECT_EQ(row->state, store::RunState::cancelled);
  EXPECT_EQ(co_await words_in_history(stores), (std::vector<std::string>{"hi"}));
}

TEST(Recovery, ARunWhoseEndWasShownInTheQueueIsNotRun) {
  isa::testing::run(killed_after_a_queued_run_was_cancelled());
}

std::optional<sdk::Part> ask_a_person(const sdk::ChatRequest& request) {
  if (request.messages.back().role == sdk::ChatRole::tool) return std::nullopt;
  return sdk::Part::make_tool_call("call_1", "ask_human", R"({"question":"Which?"})");
}

// A run that waits for an answer, and where that is given.
Task<std::pair<RunId, std::string>> stop_while_a_person_is_asked(std::filesystem::path folder) {
  Platform platform(co_await asio::this_coro::executor, folder);
  EXPECT_TRUE(co_await platform.service->start());
  platform.model.calls = ask_a_person;
  const auto agent = co_await platform.post(
      "/api/v1/agents/configs",
      R"({"name":"a","env":"cloud_shared","mode":"COLLABORATIVE","tools":["ask_human"]})");
  const auto asked = co_await platform.post(
      "/api/v1/agents/chat", fmt::format(R"({{"message":"go","stream":false,"agent_config_id":"{}"}})",
                                         agent.at("id").as_string().c_str()));
  co_await platform.service->stop();
  co_return std::pair(RunId(asked.at("run_id").as_string().c_str()),
                      std::string(asked.at("approvals").at(0).as_string()));
}

// Such as a sandbox could write when what it said to be a question was not dropped yet.
Task<void> start_on_a_log_with_forged_questions(std::filesystem::path folder, RunId run,
                                                std::string approval) {
  Platform platform(co_await asio::this_coro::executor, folder);
  const auto all = (co_await platform.log->recover()).value();
  auto seq = static_cast<std::int64_t>(all.at(run).size());
  store::Run row{.id = run, .session_id = SessionId("s")};
  std::vector<store::LoggedEvent> forged;
  for (const json::object& metadata : {json::object{}, json::object{{"request_id", 7}}})
    forged.push_back(logged(row, ++seq, {sdk::EventType::hil_request, "x", metadata}));
  EXPECT_TRUE(co_await platform.log->append(run, forged));

  EXPECT_TRUE(co_await platform.service->start());

  const auto path = "/api/v1/agents/runs/" + run.value();
  EXPECT_EQ((co_await platform.get(path)).at("state").as_string(), "waiting");
  const auto decided = co_await platform.send(
      {Method::post, path + "/approvals/" + approval, R"({"decision":"approve","text":"red"})"});
  EXPECT_EQ(decided.status, 200);
  const auto events = co_await platform.send({Method::get, path + "/events"});
  EXPECT_EQ(types_of(co_await platform.read(events)).back(), "[DONE]");
  EXPECT_EQ((co_await platform.get(path)).at("state").as_string(), "succeeded");
  co_await platform.service->stop();
}

TEST(Recovery, APlatformStartsWhateverALogSaysToBeAQuestion) {
  const TempFolder folder;
  const auto [run, approval] = isa::testing::run(stop_while_a_person_is_asked(folder.path()));
  isa::testing::run(start_on_a_log_with_forged_questions(folder.path(), run, approval));
}

}  // namespace
}  // namespace isa::agent
