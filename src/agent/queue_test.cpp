// What waits in a session's queue, and what is said to a run that has begun: over a stop of the platform,
// too.
#include "agent/test_platform.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using net::Method;
using testing::Platform;
using testing::Reader;
using testing::TempFolder;
using testing::types_of;
using testing::with_platform;

constexpr const char* kChat = "/api/v1/agents/chat";
const std::string kRuns = "/api/v1/agents/runs/";

using Body = std::function<Task<void>(Platform&)>;

// Each on a platform of its own, one after the other on the same folder. The model of the second waits at
// once if it `is_held`.
void over_a_stop(Body before, Body after, bool is_held = false) {
  const TempFolder folder;
  const auto life = [](const std::filesystem::path& at, Body body, bool held) -> Task<void> {
    Platform platform(co_await asio::this_coro::executor, at);
    if (held) platform.model.pause_after = 0;
    EXPECT_TRUE(co_await platform.service->start());
    co_await body(platform);
    co_await platform.service->stop();
  };
  isa::testing::run(life(folder.path(), std::move(before), false));
  isa::testing::run(life(folder.path(), std::move(after), is_held));
}

std::string text_at(const json::value& document, std::string_view pointer) {
  boost::system::error_code ec;
  const auto* found = document.find_pointer(pointer, ec);
  return found && found->is_string() ? std::string(found->get_string()) : json::serialize(document);
}

// Of a streamed chat of session s, whose stream is left alone: its run.
Task<std::string> begin(Platform& p, std::string message, std::string more = "") {
  const auto response = co_await p.send(
      {Method::post, kChat, fmt::format(R"({{"message":"{}","session_id":"s"{}}})", message, more)});
  EXPECT_EQ(response.status, 200) << response.body;
  co_return std::string(response.headers.get("X-Run-Id"));
}

// The whole stream of a run, to its end.
Task<std::string> whole(Platform& p, std::string run, int after = 0) {
  auto response = co_await p.send({Method::get, fmt::format("{}{}/events?after={}", kRuns, run, after)});
  co_return co_await p.read(std::move(response));
}

Task<std::string> state_of(Platform& p, std::string run) {
  co_return text_at(co_await p.get(kRuns + run), "/state");
}

// What the model was last told by the user, request by request.
std::vector<std::string> asked(const Platform& p) {
  std::vector<std::string> words;
  for (const auto& request : p.model.requests)
    for (auto at = request.messages.rbegin(); at != request.messages.rend(); ++at)
      if (at->role == sdk::ChatRole::user) {
        words.push_back(at->text());
        break;
      }
  return words;
}

Task<std::vector<std::string>> words_of_user(Platform& p) {
  const auto page = co_await p.get("/api/v1/agents/sessions/s/messages");
  std::vector<std::string> words;
  for (const auto& one : page.at("messages").as_array()) {
    const auto message = sdk::message_from_json(one.at("message").as_object()).value();
    if (message.role == sdk::ChatRole::user) words.push_back(message.text());
  }
  co_return words;
}

struct Queue {
  std::string first, a, b, c;
};

// A run that hangs in its first model call, and three behind it; c is moved before a, b gets other words.
Task<Queue> begin_queue(Platform& p) {
  Queue runs;
  p.model.pause_after = 0;
  runs.first = co_await begin(p, "first");
  co_await p.model.wait_for_requests(1);
  runs.a = co_await begin(p, "a");
  runs.b = co_await begin(p, "b", R"(,"system_prompt":"Be brief.","metadata":{"n":1})");
  runs.c = co_await begin(p, "c");
  const auto before = fmt::format(R"({{"before":"{}"}})", runs.a);
  EXPECT_EQ((co_await p.send({Method::patch, kRuns + runs.c, before})).status, 200);
  EXPECT_EQ((co_await p.send({Method::patch, kRuns + runs.b, R"({"message":"bee"})"})).status, 200);
  co_return runs;
}

TEST(Queue, RunsThatWaitRunOnceAfterAStopInTheOrderThatWasLeft) {
  Queue runs;
  over_a_stop([&](Platform& p) -> Task<void> { runs = co_await begin_queue(p); },
              [&](Platform& p) -> Task<void> {
                for (const auto& id : {runs.c, runs.a, runs.b}) {
                  const auto types = types_of(co_await whole(p, id));
                  EXPECT_EQ(std::vector(types.begin(), types.begin() + 2),
                            (std::vector<std::string>{"session_start", "system"}));
                  EXPECT_EQ(types.back(), "[DONE]");
                  EXPECT_EQ(co_await state_of(p, id), "succeeded");
                }
                EXPECT_EQ(text_at(co_await p.get(kRuns + runs.first), "/error_code"), "interrupted");
                EXPECT_EQ(asked(p), (std::vector<std::string>{"c", "a", "bee"}));
                EXPECT_EQ(co_await words_of_user(p), (std::vector<std::string>{"first", "c", "a", "bee"}));
                // With the options of its request, and no other's.
                EXPECT_EQ(p.model.requests[2].messages.front().text(), "Be brief.");
                EXPECT_NE(p.model.requests[1].messages.front().text(), "Be brief.");
              });
}

TEST(Queue, AReaderOfAQueuedRunGoesOnWhereAStopBrokeOff) {
  Queue runs;
  std::string seen;
  over_a_stop(
      [&](Platform& p) -> Task<void> {
        runs = co_await begin_queue(p);
        TaskGroup tasks(co_await asio::this_coro::executor);
        Reader reader(tasks.executor());
        const auto response = co_await p.send({Method::get, kRuns + runs.a + "/events"});
        tasks.spawn("reader", response.stream(reader));
        co_await reader.wait_for_events(2);
        co_await p.service->stop();
        co_await tasks.join();
        seen = reader.text;
      },
      [&](Platform& p) -> Task<void> {
        EXPECT_EQ(types_of(seen), (std::vector<std::string>{"session_start", "system"}));  // And no [DONE].
        const auto all = co_await whole(p, runs.a);
        EXPECT_TRUE(all.starts_with(seen));
        EXPECT_EQ(seen + co_await whole(p, runs.a, 2), all);
      });
}

TEST(Queue, ACallerWithoutAStreamIsToldThatItsRunComesLater) {
  std::string run;
  over_a_stop(
      [&](Platform& p) -> Task<void> {
        p.model.pause_after = 0;
        std::ignore = co_await begin(p, "first");
        co_await p.model.wait_for_requests(1);
        TaskGroup tasks(co_await asio::this_coro::executor);
        const auto ask = [&]() -> Task<void> {
          const auto answer = co_await p.send(
              {Method::post, kChat, R"({"message":"second","session_id":"s","stream":false})"});
          EXPECT_EQ(answer.status, 202) << answer.body;
          EXPECT_EQ(text_at(json::parse(answer.body).value(), "/status"), "queued");
          run = answer.headers.get("X-Run-Id");
        };
        tasks.spawn("asker", ask());
        for (;;) {
          const auto page = co_await p.get("/api/v1/agents/sessions/s/queue");
          if (page.at("queue").as_array().size() == 2) break;
          co_await sleep_for(std::chrono::milliseconds(2));
        }
        co_await p.service->stop();
        co_await tasks.join();
      },
      [&](Platform& p) -> Task<void> {
        std::ignore = co_await whole(p, run);
        EXPECT_EQ(co_await state_of(p, run), "succeeded");
      });
}

TEST(Queue, ARunThatWasTakenOutAfterAStopIsNotRun) {
  Queue runs;
  over_a_stop([&](Platform& p) -> Task<void> { runs = co_await begin_queue(p); },
              [&](Platform& p) -> Task<void> {
                co_await p.model.wait_for_requests(1);
                const auto row = co_await p.post(kRuns + runs.a + "/cancel", "");
                EXPECT_EQ(text_at(row, "/state"), "cancelled");
                p.model.resume();
                std::ignore = co_await whole(p, runs.b);
                EXPECT_EQ(asked(p), (std::vector<std::string>{"c", "bee"}));
              },
              true);
}

// An agent that asks a person at once, and its run, which waits for the answer.
struct Asking {
  std::string agent, run, approval;
};

std::optional<sdk::Part> ask_first(const sdk::ChatRequest& request) {
  const bool has_asked = std::ranges::any_of(
      request.messages, [](const auto& message) { return message.role == sdk::ChatRole::tool; });
  if (has_asked) return std::nullopt;
  return sdk::Part::make_tool_call("call_1", "ask_human", R"({"question":"Which?"})");
}

Task<Asking> begin_asking(Platform& p) {
  p.model.calls = ask_first;
  Asking made;
  const auto agent = co_await p.post("/api/v1/agents/configs", R"({"name":"a","env":"cloud_shared",
      "mode":"COLLABORATIVE","tools":["ask_human"]})");
  made.agent = text_at(agent, "/id");
  const auto answer = co_await p.send(
      {Method::post, kChat,
       fmt::format(R"({{"message":"go","session_id":"s","stream":false,"agent_config_id":"{}"}})",
                   made.agent)});
  EXPECT_EQ(answer.status, 202) << answer.body;
  const auto body = json::parse(answer.body).value();
  made.run = text_at(body, "/run_id");
  made.approval = text_at(body, "/approvals/0");
  co_return made;
}

Task<void> decide(Platform& p, Asking made) {
  const auto path = fmt::format("{}{}/approvals/{}", kRuns, made.run, made.approval);
  const auto decided = co_await p.send({Method::post, path, R"({"decision":"approve","text":"red"})"});
  EXPECT_EQ(decided.status, 200) << decided.body;
}

// Says it to the run that waits; the queued run that keeps it.
Task<std::string> keep(Platform& p, std::string run, std::string message) {
  const auto kept = co_await p.post(kRuns + run + "/steer", fmt::format(R"({{"message":"{}"}})", message));
  EXPECT_EQ(text_at(kept, "/status"), "kept");
  EXPECT_EQ(text_at(kept, "/run_id"), run);
  co_return text_at(kept, "/queued_run_id");
}

TEST(Steering, ARunThatWaitsHearsWhenItGoesOnWhatWasKeptForItOverAStop) {
  Asking made;
  std::string said, given;
  over_a_stop(
      [&](Platform& p) -> Task<void> {
        made = co_await begin_asking(p);
        said = co_await keep(p, made.run, "use blue");
        given = co_await begin(p, "and green");
        const auto kept = co_await p.post(kRuns + given + "/steer", "");
        EXPECT_EQ(text_at(kept, "/status"), "kept");
      },
      [&](Platform& p) -> Task<void> {
        p.model.calls = ask_first;
        const auto page = co_await p.get("/api/v1/agents/sessions/s/queue");
        EXPECT_EQ(text_at(page, "/queue/1/speaks_to"), made.run);
        co_await decide(p, made);
        const auto stream = co_await whole(p, made.run);
        EXPECT_NE(stream.find(fmt::format(R"("queued_run_id":"{}")", said)), std::string::npos);
        EXPECT_NE(stream.find(R"("content":"and green")"), std::string::npos);
        for (const auto& id : {said, given}) {
          EXPECT_NE((co_await whole(p, id)).find(R"("subtype":"steered")"), std::string::npos);
          EXPECT_EQ(co_await state_of(p, id), "cancelled");
        }
        EXPECT_EQ(p.model.requests.size(), 1u);
        EXPECT_EQ(co_await words_of_user(p), (std::vector<std::string>{"go", "use blue", "and green"}));
      });
}

TEST(Steering, WhatARunNeverHeardIsARunOfItsOwn) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await begin_asking(p);
    const auto said = co_await keep(p, made.run, "use blue");
    p.model.calls = nullptr;
    EXPECT_EQ(text_at(co_await p.post(kRuns + made.run + "/cancel", ""), "/state"), "cancelled");
    std::ignore = co_await whole(p, said);
    EXPECT_EQ(co_await state_of(p, said), "succeeded");
    EXPECT_EQ(asked(p), (std::vector<std::string>{"go", "use blue"}));
  });
}

TEST(Steering, WhatIsKeptCanBeChangedAndTakenBack) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await begin_asking(p);
    const auto changed = co_await keep(p, made.run, "use blue");
    const auto dropped = co_await keep(p, made.run, "or not");
    EXPECT_EQ((co_await p.send({Method::patch, kRuns + changed, R"({"message":"use red"})"})).status, 200);
    EXPECT_EQ(text_at(co_await p.post(kRuns + dropped + "/cancel", ""), "/state"), "cancelled");
    co_await decide(p, made);
    std::ignore = co_await whole(p, made.run);
    EXPECT_EQ(co_await words_of_user(p), (std::vector<std::string>{"go", "use red"}));
  });
}

TEST(Steering, AMessageThatTheTurnTookAndNeverHeardIsARunOfItsOwn) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await p.post("/api/v1/agents/configs",
                                       R"({"name":"a","env":"cloud_shared","limits":{"max_turns":1}})");
    p.model.pause_after = 0;
    const auto first =
        co_await begin(p, "first", fmt::format(R"(,"agent_config_id":"{}")", text_at(agent, "/id")));
    co_await p.model.wait_for_requests(1);
    const auto queued = co_await begin(p, "second");
    const auto taken = co_await p.post(kRuns + queued + "/steer", "");
    EXPECT_EQ(text_at(taken, "/status"), "taken");
    EXPECT_EQ(text_at(taken, "/run_id"), first);
    // It is the turn's now.
    const auto edited = co_await p.ask({Method::patch, kRuns + queued, R"({"message":"x"})"});
    EXPECT_EQ(text_at(edited, "/error/code"), "not_queued");
    EXPECT_NE(text_at(edited, "/error/message").find("was handed to run " + first), std::string::npos);
    const auto again = co_await p.post(kRuns + queued + "/steer", "");
    EXPECT_EQ(text_at(again, "/status"), "taken");
    EXPECT_EQ(text_at(again, "/run_id"), first);
    // So is a word that nobody queued.
    EXPECT_EQ(text_at(co_await p.post(kRuns + first + "/steer", R"({"message":"third"})"), "/status"),
              "taken");
    p.model.resume();
    EXPECT_NE((co_await whole(p, first)).find("error_max_turns"), std::string::npos);
    std::ignore = co_await whole(p, queued);
    EXPECT_EQ(co_await state_of(p, queued), "succeeded");
    const auto page = co_await p.get("/api/v1/agents/sessions/s/runs");
    std::ignore = co_await whole(p, text_at(page, "/runs/2/id"));
    EXPECT_EQ(co_await words_of_user(p), (std::vector<std::string>{"first", "second", "third"}));
  });
}

TEST(Steering, AQueuedMessageThatTheTurnHearsEndsItsRun) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.pause_after = 0;
    const auto first = co_await begin(p, "first");
    co_await p.model.wait_for_requests(1);
    const auto queued = co_await begin(p, "second");
    EXPECT_EQ(text_at(co_await p.post(kRuns + queued + "/steer", ""), "/status"), "taken");
    p.model.resume();
    const auto stream = co_await whole(p, first);
    EXPECT_NE(stream.find(fmt::format(R"("queued_run_id":"{}")", queued)), std::string::npos);
    EXPECT_NE((co_await whole(p, queued)).find(R"("subtype":"steered")"), std::string::npos);
    for (const auto* body : {"", R"({"message":"third"})"}) {
      const auto late = co_await p.post(kRuns + first + "/steer", body);
      EXPECT_EQ(text_at(late, "/error/code"), "turn_not_running");
    }
    const auto late = co_await p.ask({Method::patch, kRuns + first, R"({"message":"third"})"});
    EXPECT_EQ(text_at(late, "/error/code"), "not_queued");
    EXPECT_EQ(co_await words_of_user(p), (std::vector<std::string>{"first", "second"}));
  });
}

// A skill that is shared with an organization, used by a run that waits in a queue over a stop.
TEST(Queue, WhatTheOrganizationSharesIsThereAfterAStop) {
  const std::vector<Membership> acme{{OrgId("acme"), "member"}};
  std::string run;
  over_a_stop(
      [&](Platform& p) -> Task<void> {
        testing::Call skill{
            Method::post, "/api/v1/agents/skills",
            R"({"visibility":"org","files":{"SKILL.md":"---\nname: greet\ndescription: Greets.\n---\nx\n"}})",
            "bob"};
        skill.orgs = acme;
        EXPECT_EQ((co_await p.send(skill)).status, 200);
        testing::Call agent{Method::post, "/api/v1/agents/configs",
                            R"({"name":"a","env":"cloud_shared","skills":["greet"]})"};
        agent.orgs = acme;
        const auto id = text_at(co_await p.ask(agent), "/id");
        p.model.pause_after = 0;
        for (const auto* message : {"first", "second"}) {
          testing::Call chat{
              Method::post, kChat,
              fmt::format(R"({{"message":"{}","session_id":"s","agent_config_id":"{}"}})", message, id)};
          chat.orgs = acme;
          const auto response = co_await p.send(chat);
          run = response.headers.get("X-Run-Id");
          co_await p.model.wait_for_requests(1);
        }
      },
      [&](Platform& p) -> Task<void> {
        const auto stream = co_await whole(p, run);
        EXPECT_EQ(stream.find("skills.unavailable"), std::string::npos);
        EXPECT_NE(p.model.requests.at(0).messages.front().text().find("- greet: Greets."), std::string::npos);
      });
}

}  // namespace
}  // namespace isa::agent
