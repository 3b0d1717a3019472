// Chats through the routes: the agent service, the SDK's loop, the store and the event log are real.
#include "sdk/chat.h"

#include "agent/test_platform.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using net::Method;
using testing::Call;
using testing::Platform;
using testing::Reader;
using testing::type_of;
using testing::types_of;
using testing::with_platform;

Call chat(std::string body, std::string user = "ann") {
  return {Method::post, "/api/v1/agents/chat", std::move(body), std::move(user)};
}

std::string text_at(const json::value& from, std::string_view pointer) {
  boost::system::error_code ec;
  const auto* found = from.find_pointer(pointer, ec);
  return found && found->is_string() ? std::string(found->get_string()) : "";
}

// Spawned by tests that look at a run while it goes on.
Task<void> follow(const net::Response& response, Reader& reader) {
  co_await response.stream(reader);
}

TEST(Chat, AnAdHocChatAnswersInOnePiece) {
  with_platform([](Platform& p) -> Task<void> {
    const auto answer = co_await p.post("/api/v1/agents/chat", R"({"message":"hi","stream":false})");

    EXPECT_EQ(text_at(answer, "/status"), "success");
    EXPECT_EQ(text_at(answer, "/response"), "Hello, world");
    EXPECT_EQ(answer.at("usage").at("input_tokens").as_int64(), 3);
    EXPECT_TRUE(answer.at("duration_ms").is_int64());
    const auto run = co_await p.get("/api/v1/agents/runs/" + text_at(answer, "/run_id"));
    EXPECT_EQ(text_at(run, "/state"), "succeeded");
    EXPECT_EQ(text_at(run, "/response"), "Hello, world");
  });
}

TEST(Chat, AStreamHasTheDesignsOrderAndEndsWithDone) {
  with_platform([](Platform& p) -> Task<void> {
    auto response = co_await p.send(chat(R"({"message":"hi"})"));
    EXPECT_EQ(response.headers.get("Content-Type"), "text/event-stream");
    EXPECT_TRUE(response.headers.get("X-Run-Id").starts_with("run_"));
    const auto types = types_of(co_await p.read(response));

    const std::vector<std::string> expected{"session_start", "system", "text",        "text",
                                            "text",          "result", "session_end", "[DONE]"};
    EXPECT_EQ(types, expected);
  });
}

TEST(Chat, EveryEventCarriesItsPlaceInTheRun) {
  with_platform([](Platform& p) -> Task<void> {
    auto response = co_await p.send(chat(R"({"message":"hi","metadata":{"ticket":7}})"));
    const std::string run(response.headers.get("X-Run-Id"));
    Reader reader(co_await asio::this_coro::executor);
    co_await response.stream(reader);

    std::int64_t seq = 0;
    for (const auto& event : reader.events()) {
      if (event.data == "[DONE]") break;
      const auto json = json::parse(event.data).value();
      EXPECT_EQ(json.at("seq").as_int64(), ++seq);
      EXPECT_EQ(event.id, run + ":" + std::to_string(seq));
      EXPECT_EQ(text_at(json, "/run_id"), run);
      if (seq == 1) EXPECT_EQ(json.at("metadata").at("metadata").at("ticket").as_int64(), 7);
    }
    EXPECT_EQ(seq, 7);
  });
}

TEST(Chat, ASessionRemembersWhatWasSaid) {
  with_platform([](Platform& p) -> Task<void> {
    const auto first =
        co_await p.post("/api/v1/agents/chat", R"({"message":"one","stream":false,"session_id":"mine"})");
    EXPECT_EQ(text_at(first, "/session_id"), "mine");
    std::ignore =
        co_await p.post("/api/v1/agents/chat", R"({"message":"two","stream":false,"session_id":"mine"})");

    const auto& seen = p.model.requests.back().messages;
    EXPECT_EQ(seen.size(), 3u);
    EXPECT_EQ(seen[0].text(), "one");
    EXPECT_EQ(seen[1].text(), "Hello, world");
    EXPECT_EQ(seen[2].text(), "two");
    const auto messages = co_await p.get("/api/v1/agents/sessions/mine/messages");
    EXPECT_EQ(messages.at("messages").as_array().size(), 4u);
    const auto runs = co_await p.get("/api/v1/agents/sessions/mine/runs");
    EXPECT_EQ(runs.at("runs").as_array().size(), 2u);
  });
}

TEST(Chat, ASessionIdMayBeChosenButNotTakenFromOthersNorFromTheDead) {
  with_platform([](Platform& p) -> Task<void> {
    const std::string body = R"({"message":"m","stream":false,"session_id":"chosen"})";
    const auto say = [](Platform& at, std::string text, std::string who) -> Task<int> {
      Call call{net::Method::post, "/api/v1/agents/chat", std::move(text), std::move(who)};
      const auto answer = co_await at.send(std::move(call));
      co_return answer.status;
    };
    EXPECT_EQ(co_await say(p, body, "ann"), 200);
    EXPECT_EQ(co_await say(p, body, "bob"), 404);
    EXPECT_EQ(co_await say(p, body, "ann"), 200) << "nothing of it changed hands";

    const auto gone = co_await p.send({net::Method::del, "/api/v1/agents/sessions/chosen"});
    EXPECT_EQ(gone.status, 200);
    for (const std::string who : {"ann", "bob"}) {
      EXPECT_EQ(co_await say(p, body, who), 404);
      Call anew{net::Method::post, "/api/v1/agents/sessions", R"({"session_id":"chosen"})", who};
      const auto created = co_await p.send(std::move(anew));
      EXPECT_EQ(created.status, 404);
    }
    EXPECT_EQ(p.model.requests.size(), 2u);
  });
}

TEST(Chat, ASessionIsPinnedToTheVersionItBeganWith) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await p.post("/api/v1/agents/configs",
                                       R"({"name":"a","env":"cloud_shared","system_prompt":"first"})");
    const auto id = text_at(agent, "/id");
    const auto body = R"({"message":"m","stream":false,"session_id":"s","agent_config_id":")" + id + R"("})";
    std::ignore = co_await p.post("/api/v1/agents/chat", body);
    Call change{Method::patch, "/api/v1/agents/configs/" + id, R"({"system_prompt":"second"})"};
    std::ignore = co_await p.send(std::move(change));
    std::ignore =
        co_await p.post("/api/v1/agents/chat", R"({"message":"m","stream":false,"session_id":"s"})");

    EXPECT_EQ(p.model.requests.size(), 2u);
    EXPECT_EQ(p.model.requests.back().messages.front().text(), "first");
    const auto other =
        co_await p.send(chat(R"({"message":"m","session_id":"s","agent_config_id":"agent_other"})"));
    EXPECT_EQ(other.status, 409);
  });
}

TEST(Chat, BadBodiesAreExplained) {
  with_platform([](Platform& p) -> Task<void> {
    const auto refused = [](Platform& at, std::string body) -> Task<std::string> {
      const auto answer = co_await at.post("/api/v1/agents/chat", std::move(body));
      co_return text_at(answer, "/error/code") + " " + text_at(answer, "/error/message");
    };
    EXPECT_EQ(co_await refused(p, R"({"messages":[]})"),
              "validation_error /messages: a chat takes one 'message' (a string), not 'messages'; send "
              "session_id to go "
              "on with a conversation");
    EXPECT_EQ(co_await refused(p, R"({"message":""})"), "validation_error /message: must not be empty");
    EXPECT_EQ(co_await refused(p, R"({})"), "validation_error /message: this field is required");
    EXPECT_EQ(co_await refused(p, R"({"message":"m","x":1})"), "validation_error /x: unknown field");
    EXPECT_EQ(co_await refused(p, R"({"message":"m","tools":["fly"]})"),
              "validation_error /tools/0: unknown tool 'fly'");
    EXPECT_EQ(co_await refused(p, R"({"message":"m","session_id":"a\r\nb: c"})"),
              "validation_error /session_id: an id is 1 to 128 letters, digits, '_', '-', '.', ':' or '@'");
    EXPECT_EQ(co_await refused(p, R"({"message":"m","agent_config_id":"agent_x"})"),
              "not_found agent 'agent_x' does not exist");
    EXPECT_TRUE((co_await refused(p, "{")).starts_with("invalid_request"));
  });
}

TEST(Chat, AnUnconfiguredModelIsA424BeforeAnyStreamBegins) {
  with_platform([](Platform& p) -> Task<void> {
    const auto response = co_await p.send(chat(R"({"message":"hi","model":"openai/gpt"})"));

    EXPECT_EQ(response.status, 424);
    EXPECT_FALSE(response.stream);
    EXPECT_NE(response.body.find("model.openai.api_key"), std::string::npos);
    const auto sessions = co_await p.get("/api/v1/agents/sessions");
    EXPECT_TRUE(sessions.at("sessions").as_array().empty());
  });
}

TEST(Chat, AModelThatBreaksOffEndsTheRunWithAnError) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.fails_with = make_error(ErrorKind::rate_limit_exceeded, "slow down");
    const auto whole = co_await p.send(chat(R"({"message":"hi","stream":false,"session_id":"s"})"));
    EXPECT_EQ(whole.status, 429);
    auto streamed = co_await p.send(chat(R"({"message":"hi"})"));
    const auto types = types_of(co_await p.read(streamed));

    const std::vector<std::string> expected{"session_start", "system", "text",        "text",
                                            "text",          "error",  "session_end", "[DONE]"};
    EXPECT_EQ(types, expected);
    const auto runs = co_await p.get("/api/v1/agents/sessions/s/runs");
    EXPECT_EQ(text_at(runs, "/runs/0/state"), "failed");
    EXPECT_EQ(text_at(runs, "/runs/0/error_code"), "rate_limit_exceeded");
  });
}

TEST(Chat, NoPoolIsA503AndAnErrorEvent) {
  with_platform([](Platform& p) -> Task<void> {
    const auto whole =
        co_await p.send(chat(R"({"message":"hi","stream":false,"env":"cloud_pool","session_id":"s"})"));
    EXPECT_EQ(whole.status, 503);
    auto streamed = co_await p.send(chat(R"({"message":"hi","env":"cloud_pool"})"));
    const auto types = types_of(co_await p.read(streamed));

    const std::vector<std::string> expected{"session_start", "error", "session_end", "[DONE]"};
    EXPECT_EQ(types, expected);
    const auto messages = co_await p.get("/api/v1/agents/sessions/s/messages");
    EXPECT_TRUE(messages.at("messages").as_array().empty());  // Nothing ran: the message can be sent again.
  });
}

TEST(Chat, CloudSharedNamesTheToolsThatItHasNoSandboxFor) {
  with_platform([](Platform& p) -> Task<void> {
    auto response = co_await p.send(chat(R"({"message":"hi","tools":["bash_execute","get_current_time"]})"));
    const auto stream = co_await p.read(response);

    EXPECT_NE(stream.find("tools.unavailable"), std::string::npos);
    EXPECT_EQ(p.model.requests.front().tools.size(), 1u);
  });
}

TEST(Chat, ToolsOfARequestOnlyNarrowThoseOfTheAgent) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await p.post("/api/v1/agents/configs",
                                       R"({"name":"a","env":"cloud_shared","tools":["get_current_time"]})");
    const auto body =
        R"({"message":"m","tools":["bash_execute"],"agent_config_id":")" + text_at(agent, "/id") + R"("})";
    const auto response = co_await p.send(chat(body));

    EXPECT_EQ(response.status, 422);
    EXPECT_NE(response.body.find("/tools/0"), std::string::npos);
  });
}

TEST(Chat, WithoutAnAgentThereIsNoDeploymentToRunIn) {
  with_platform([](Platform& p) -> Task<void> {
    const auto ad_hoc = co_await p.post("/api/v1/agents/chat", R"({"message":"hi","env":"deployment"})");
    EXPECT_EQ(text_at(ad_hoc, "/error/code"), "validation_error");
    EXPECT_EQ(text_at(ad_hoc, "/error/param"), "/env");
    const auto team = co_await p.post("/api/v1/agents/swarm",
                                      R"({"prompt":"hi","env":"deployment","agents":[{"name":"a"}]})");
    EXPECT_EQ(text_at(team, "/error/param"), "/env");
  });
}

TEST(Chat, ARunGoesOnWhenItsReaderLeavesAndCanBeReadAgain) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.pause_after = 2;
    auto response = co_await p.send(chat(R"({"message":"hi"})"));
    const std::string run(response.headers.get("X-Run-Id"));
    Reader leaves(co_await asio::this_coro::executor);
    leaves.leaves_after = 3;
    co_await response.stream(leaves);
    const auto last_seen = leaves.events().back().id;
    p.model.resume();

    Call again{Method::get, "/api/v1/agents/runs/" + run + "/events"};
    again.headers["Last-Event-ID"] = last_seen;
    auto rest = co_await p.send(std::move(again));
    const auto tail = co_await p.read(rest);
    auto types = types_of(leaves.text);
    const auto more = types_of(tail);
    types.insert(types.end(), more.begin(), more.end());
    const std::vector<std::string> expected{"session_start", "system", "text",        "text",
                                            "text",          "result", "session_end", "[DONE]"};
    EXPECT_EQ(types, expected);
  });
}

TEST(Chat, AStreamReadAgainIsTheSameByteForByteLiveAndFromTheStore) {
  with_platform([](Platform& p) -> Task<void> {
    auto response = co_await p.send(chat(R"({"message":"hi"})"));
    const std::string run(response.headers.get("X-Run-Id"));
    const auto live = co_await p.read(response);
    for (int after = 0; after <= 7; ++after) {
      Call again{Method::get, fmt::format("/api/v1/agents/runs/{}/events?after={}", run, after)};
      auto response_again = co_await p.send(std::move(again));
      const auto stored = co_await p.read(response_again);
      EXPECT_TRUE(live.ends_with(stored));
      EXPECT_EQ(types_of(stored).size(), static_cast<std::size_t>(8 - after));
    }
    Call as_json{Method::get, "/api/v1/agents/runs/" + run + "/events"};
    as_json.headers["Accept"] = "application/json";
    const auto listed = co_await p.ask(std::move(as_json));
    EXPECT_EQ(listed.at("events").as_array().size(), 7u);
    EXPECT_EQ(text_at(listed, "/state"), "succeeded");
  });
}

TEST(Chat, CancelOnDisconnectEndsTheRunWithItsReader) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.pause_after = 2;
    std::string run;
    {
      auto response = co_await p.send(chat(R"({"message":"hi","cancel_on_disconnect":true})"));
      run = std::string(response.headers.get("X-Run-Id"));
      Reader leaves(co_await asio::this_coro::executor);
      leaves.leaves_after = 3;
      co_await response.stream(leaves);
    }
    Call again{Method::get, "/api/v1/agents/runs/" + run + "/events"};
    auto rest = co_await p.send(std::move(again));
    const auto types = types_of(co_await p.read(rest));
    EXPECT_EQ(types.at(types.size() - 3), "result");
    const auto row = co_await p.get("/api/v1/agents/runs/" + run);
    EXPECT_EQ(text_at(row, "/state"), "cancelled");
  });
}

TEST(Chat, ACancelledRunEndsWithAnInterruptedResultAndKeepsWhatWasSaid) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.pause_after = 2;
    TaskGroup tasks(co_await asio::this_coro::executor);
    Reader reader(tasks.executor());
    auto response = co_await p.send(chat(R"({"message":"hi","session_id":"s"})"));
    tasks.spawn("reader", follow(response, reader));
    co_await reader.wait_for_events(4);
    const std::string run(response.headers.get("X-Run-Id"));
    const auto cancelled = co_await p.post("/api/v1/agents/runs/" + run + "/cancel", "");
    co_await tasks.join();

    EXPECT_EQ(text_at(cancelled, "/state"), "cancelled");
    const auto events = reader.events();
    const auto result = json::parse(events.at(4).data).value();
    EXPECT_EQ(text_at(result, "/metadata/subtype"), "interrupted");
    EXPECT_EQ(text_at(result, "/content"), "Hello, ");
    EXPECT_EQ(type_of(events.at(5)), "session_end");
    const auto messages = co_await p.get("/api/v1/agents/sessions/s/messages");
    EXPECT_EQ(messages.at("messages").as_array().size(), 2u);
    const auto twice = co_await p.post("/api/v1/agents/runs/" + run + "/cancel", "");
    EXPECT_EQ(text_at(twice, "/state"), "cancelled");
  });
}

TEST(Chat, RunsOfOneSessionWaitForEachOther) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.pause_after = 1;
    TaskGroup tasks(co_await asio::this_coro::executor);
    Reader first(tasks.executor()), second(tasks.executor());
    auto one = co_await p.send(chat(R"({"message":"one","session_id":"s"})"));
    tasks.spawn("first", follow(one, first));
    co_await p.model.wait_for_requests(1);
    auto two = co_await p.send(chat(R"({"message":"two","session_id":"s"})"));
    tasks.spawn("second", follow(two, second));
    co_await second.wait_for_events(2);
    EXPECT_NE(second.text.find("\"queued\""), std::string::npos);
    EXPECT_EQ(p.model.requests.size(), 1u);
    p.model.resume();
    co_await tasks.join();

    EXPECT_EQ(p.model.requests.size(), 2u);
    EXPECT_EQ(p.model.requests.back().messages.size(), 3u);  // The first turn is its history.
    EXPECT_EQ(types_of(second.text).back(), "[DONE]");
  });
}

TEST(Chat, AQueuedRunCanBeCancelledBeforeItBegins) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.pause_after = 1;
    auto one = co_await p.send(chat(R"({"message":"one","session_id":"s"})"));
    co_await p.model.wait_for_requests(1);
    auto two = co_await p.send(chat(R"({"message":"two","session_id":"s"})"));
    const std::string run(two.headers.get("X-Run-Id"));
    const auto row = co_await p.post("/api/v1/agents/runs/" + run + "/cancel", "");
    const auto types = types_of(co_await p.read(two));
    p.model.resume();

    EXPECT_EQ(text_at(row, "/state"), "cancelled");
    const std::vector<std::string> expected{"session_start", "system", "result", "session_end", "[DONE]"};
    EXPECT_EQ(types, expected);
    EXPECT_EQ(types_of(co_await p.read(one)).back(), "[DONE]");
    EXPECT_EQ(p.model.requests.size(), 1u);
  });
}

TEST(Chat, TooManyWaitingRunsAreRefused) {
  const auto body = [](Platform& p) -> Task<void> {
    p.model.pause_after = 1;
    const auto one = co_await p.send(chat(R"({"message":"one","session_id":"s"})"));
    const auto two = co_await p.send(chat(R"({"message":"two","session_id":"s"})"));
    const auto three = co_await p.send(chat(R"({"message":"three","session_id":"s"})"));
    EXPECT_EQ(one.status, 200);
    EXPECT_EQ(two.status, 200);
    EXPECT_EQ(three.status, 429);
    const auto other = co_await p.send(chat(R"({"message":"other","session_id":"t"})"));
    EXPECT_EQ(other.status, 503);
  };
  AgentServiceConfig config;
  config.max_queued_runs = 1;
  config.max_live_runs = 2;
  with_platform(body, config);
}

TEST(Chat, AStoppingPlatformInterruptsItsRunsAndEndsTheirStreams) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.pause_after = 2;
    TaskGroup tasks(co_await asio::this_coro::executor);
    Reader reader(tasks.executor());
    auto response = co_await p.send(chat(R"({"message":"hi"})"));
    tasks.spawn("reader", follow(response, reader));
    co_await reader.wait_for_events(4);
    co_await p.service->stop();
    co_await tasks.join();

    EXPECT_NE(reader.text.find("\"interrupted\""), std::string::npos);
    EXPECT_EQ(types_of(reader.text).back(), "[DONE]");
    const auto refused = co_await p.send(chat(R"({"message":"hi"})"));
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ((co_await p.send({Method::get, "/ready"})).status, 503);
  });
}

TEST(Chat, DeletingASessionEndsItsRunsFirst) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.pause_after = 1;
    auto response = co_await p.send(chat(R"({"message":"hi","session_id":"s"})"));
    co_await p.model.wait_for_requests(1);
    const auto removed = co_await p.send({Method::del, "/api/v1/agents/sessions/s"});
    EXPECT_EQ(removed.status, 200);
    EXPECT_EQ(types_of(co_await p.read(response)).back(), "[DONE]");
    EXPECT_EQ((co_await p.send({Method::get, "/api/v1/agents/sessions/s"})).status, 404);
  });
}

TEST(Chat, QueryAnswersInTheOriginalsShape) {
  with_platform([](Platform& p) -> Task<void> {
    const auto good = co_await p.post("/query", R"({"prompt":"hi"})");
    EXPECT_TRUE(good.at("success").as_bool());
    EXPECT_EQ(text_at(good, "/response"), "Hello, world");
    p.model.fails_with = upstream_error("no luck");
    const auto bad = co_await p.post("/query", R"({"prompt":"hi"})");
    EXPECT_FALSE(bad.at("success").as_bool());
    EXPECT_EQ(text_at(bad, "/error"), "no luck");
    EXPECT_EQ((co_await p.send({Method::post, "/query", R"({"message":"hi"})"})).status, 422);
  });
}

}  // namespace
}  // namespace isa::agent
