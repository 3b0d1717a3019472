// Teams through the routes: the agent service, the SDK's loop, the store and the event log are real.
#include "agent/test_platform.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using net::Method;
using testing::Call;
using testing::Platform;
using testing::Reader;
using testing::with_platform;

constexpr std::string_view kSpecs = "/api/v1/agents/multi-specs";

std::string text_at(const json::value& from, std::string_view pointer) {
  boost::system::error_code ec;
  const auto* found = from.find_pointer(pointer, ec);
  return found && found->is_string() ? std::string(found->get_string()) : "";
}

std::int64_t number_at(const json::value& from, std::string_view pointer) {
  boost::system::error_code ec;
  const auto* found = from.find_pointer(pointer, ec);
  return found && found->is_int64() ? found->get_int64() : -1;
}

Call call(Method method, std::string path, std::string body = "", std::string user = "ann") {
  return {method, std::move(path), std::move(body), std::move(user)};
}

std::vector<json::value> events_of(std::string_view stream) {
  net::SseParser parser;
  (void)parser.feed(stream);
  std::vector<json::value> events;
  while (auto event = parser.next())
    if (auto document = json::parse(event->data)) events.push_back(*std::move(document));
  return events;
}

// "task:state", in order.
std::vector<std::string> task_changes(const std::vector<json::value>& events) {
  std::vector<std::string> changes;
  for (const auto& event : events)
    if (text_at(event, "/metadata/event") == "dag_task")
      changes.push_back(text_at(event, "/metadata/task_id") + ":" + text_at(event, "/metadata/state"));
  return changes;
}

const json::value* event_of_type(const std::vector<json::value>& events, std::string_view type) {
  for (const auto& event : events)
    if (text_at(event, "/type") == type) return &event;
  return nullptr;
}

constexpr std::string_view kTwoTasks =
    R"("agents":[{"name":"a"},{"name":"b"}],"tasks":[{"id":"first","agent":"a"},{"id":"second","agent":"b","depends_on":["first"]}])";

std::string kept_team(std::string_view more = "") {
  return fmt::format(R"({{"name":"Pair","routing_spec":{{{}}}{}}})", kTwoTasks, more);
}

TEST(Teams, ATeamIsKeptChangedAndDeletedUnderItsVersion) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await p.post(std::string(kSpecs), kept_team());
    const auto path = std::string(kSpecs) + "/" + text_at(made, "/id");
    EXPECT_TRUE(text_at(made, "/id").starts_with("multi_"));
    EXPECT_EQ(number_at(made, "/version"), 1);

    auto changed = co_await p.send(call(Method::patch, path, R"({"description":"Two of them."})"));
    EXPECT_EQ(changed.headers.get("ETag"), "\"2\"");
    auto late = call(Method::patch, path, R"({"name":"Late"})");
    late.headers["If-Match"] = "\"1\"";
    const auto refused = co_await p.send(late);
    EXPECT_EQ(refused.status, 409);
    const auto found = co_await p.get(path);
    EXPECT_EQ(text_at(found, "/description"), "Two of them.");
    EXPECT_EQ(text_at(found, "/name"), "Pair");
    const auto listed = co_await p.get(std::string(kSpecs));
    EXPECT_EQ(listed.at("multi_specs").as_array().size(), 1U);

    const auto removed = co_await p.send(call(Method::del, path));
    EXPECT_EQ(removed.status, 200);
    const auto gone = co_await p.send(call(Method::get, path));
    EXPECT_EQ(gone.status, 404);
  });
}

TEST(Teams, AForeignTeamIsNotFoundForEveryVerb) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await p.post(std::string(kSpecs), kept_team());
    const auto path = std::string(kSpecs) + "/" + text_at(made, "/id");
    for (const auto method : {Method::get, Method::patch, Method::del}) {
      const auto answer = co_await p.send(call(method, path, "{}", "eve"));
      EXPECT_EQ(answer.status, 404);
    }
    const auto run = co_await p.send(
        call(Method::post, "/api/v1/agents/swarm/dag",
             fmt::format(R"({{"prompt":"x","multi_agent_id":"{}"}})", text_at(made, "/id")), "eve"));
    EXPECT_EQ(run.status, 404);
    EXPECT_NE(run.body.find(R"("param":"/multi_agent_id")"), std::string::npos) << run.body;
    EXPECT_EQ(run.body.find("metadata."), std::string::npos) << run.body;
  });
}

TEST(Teams, ABadSpecIsRefusedWithThePointerOfTheField) {
  with_platform([](Platform& p) -> Task<void> {
    const auto wrong = [&](std::string body) -> Task<std::string> {
      const auto answer = co_await p.ask(call(Method::post, std::string(kSpecs), std::move(body)));
      co_return text_at(answer, "/error/param");
    };
    const std::string cases[][2] = {
        {R"({"name":"x"})", "/routing_spec"},
        {R"({"name":"x","routing_spec":{"agents":[]}})", "/routing_spec/agents"},
        {R"({"name":"x","routing_spec":{"agents":[{"name":"a","tools":["fly"]}]}})",
         "/routing_spec/agents/0/tools/0"},
        {R"({"name":"x","routing_spec":{"agents":[{"name":"a"}]},"entry_agent_id":"b"})", "/entry_agent_id"},
        {R"({"name":"x","routing_spec":{"agents":[{"name":"a"}]},"routing_type":"ring"})", "/routing_type"},
        {R"({"name":"x","routing_spec":{"agents":[{"name":"a"}],"tasks":[{"id":"t","depends_on":["t"]}]}})",
         "/routing_spec/tasks/0/depends_on/0"}};
    for (const auto& [body, param] : cases) {
      const auto found = co_await wrong(body);
      EXPECT_EQ(found, param) << body;
    }
  });
}

TEST(Teams, AChatWithAnAgentThatIsATeamIsOneRunOfOneSession) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.answers = [](const sdk::ChatRequest& request) {
      return std::vector<std::string>{
          request.messages.back().text().find("<task id=\"second\">") != std::string::npos ? "the answer"
                                                                                           : "facts"};
    };
    const auto team = co_await p.post(std::string(kSpecs), kept_team());
    const auto agent = co_await p.post(
        "/api/v1/agents/configs",
        fmt::format(R"({{"name":"T","env":"cloud_shared","metadata":{{"multi_agent_id":"{}"}}}})",
                    text_at(team, "/id")));
    const auto body = fmt::format(R"({{"message":"go","agent_config_id":"{}"}})", text_at(agent, "/id"));
    auto response = co_await p.send(call(Method::post, "/api/v1/agents/chat", body));
    const auto stream = co_await p.read(response);
    const auto events = events_of(stream);

    const std::vector<std::string> expected{"first:ready",  "first:running",  "first:completed",
                                            "second:ready", "second:running", "second:completed"};
    EXPECT_EQ(task_changes(events), expected);
    const auto* result = event_of_type(events, "result");
    if (!result) throw std::runtime_error(stream);
    EXPECT_EQ(text_at(*result, "/content"), "the answer");
    EXPECT_EQ(text_at(*result, "/metadata/subtype"), "success");
    EXPECT_EQ(text_at(*result, "/metadata/agent_outputs/a:first"), "facts");
    EXPECT_EQ(text_at(*result, "/metadata/tasks/1/state"), "completed");
    EXPECT_EQ(number_at(*result, "/metadata/usage/input_tokens"), 6);
    std::size_t terminal = 0;
    for (const auto& event : events) {
      terminal += text_at(event, "/type") == "result" || text_at(event, "/type") == "error";
      if (text_at(event, "/type") == "text") {
        EXPECT_NE(text_at(event, "/metadata/agent"), "");
      }
    }
    EXPECT_EQ(terminal, 1U);
    const auto session = text_at(events.front(), "/session_id");
    const auto history = co_await p.get("/api/v1/agents/sessions/" + session + "/messages");
    EXPECT_EQ(history.at("messages").as_array().size(), 2U);
    EXPECT_EQ(text_at(history, "/messages/1/message/parts/0/text"), "the answer");
  });
}

TEST(Teams, MembersKnowWhatWasSaidInTheSessionBefore) {
  with_platform([](Platform& p) -> Task<void> {
    const std::string body = R"({"prompt":"again","session_id":"s1","agents":[{"name":"a"}]})";
    co_await p.post("/api/v1/agents/swarm", body);
    co_await p.post("/api/v1/agents/swarm", body);
    EXPECT_EQ(p.model.requests.back().messages.size(), 3U);
  });
}

TEST(Teams, TheRoutesForAdHocTeamsAnswerInTheShapeOfTheOriginal) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.answers = [](const sdk::ChatRequest& request) {
      const bool is_first = request.messages.front().text().find("You are 'a'") != std::string::npos;
      return is_first ? std::vector<std::string>{"I looked.\n[HAND", "OFF: b] it needs words"}
                      : std::vector<std::string>{"words"};
    };
    const std::string body = R"({"prompt":"go","agents":[{"name":"a"},{"name":"b"}],"shared_state":{"k":1}})";
    const auto swarm = co_await p.post("/api/v1/agents/swarm", body);
    EXPECT_TRUE(swarm.at("success").as_bool());
    EXPECT_EQ(text_at(swarm, "/text"), "words");
    EXPECT_EQ(text_at(swarm, "/final_agent"), "b");
    EXPECT_EQ(text_at(swarm, "/handoff_trace/0/reason"), "it needs words");
    EXPECT_EQ(number_at(swarm, "/shared_state/k"), 1);
    EXPECT_EQ(text_at(swarm, "/agent_outputs/a"), "I looked.");

    auto response = co_await p.send(call(Method::post, "/api/v1/agents/swarm/stream", body));
    const auto stream = co_await p.read(response);
    EXPECT_EQ(stream.find("HANDOFF"), std::string::npos);
    EXPECT_NE(stream.find("swarm_handoff"), std::string::npos);
    const auto dag =
        co_await p.post("/api/v1/agents/swarm/dag", fmt::format(R"({{"prompt":"go",{}}})", kTwoTasks));
    EXPECT_EQ(text_at(dag, "/tasks/0/state"), "completed");
  });
}

TEST(Teams, ARouteRefusesATeamOfTheOtherKindAndWhatItDoesNotKnow) {
  with_platform([](Platform& p) -> Task<void> {
    const std::string dag = fmt::format(R"({{"prompt":"go","routing_type":"dag",{}}})", kTwoTasks);
    const std::string cases[][3] = {
        {"/swarm", dag, "/routing_type"},
        {"/swarm/dag", R"({"prompt":"x","agents":[{"name":"a"}]})", "/tasks"},
        {"/swarm/dag", R"({"prompt":"x","agents":[{"name":"a"}],"tasks":[{}],"routing_type":"swarm"})",
         "/routing_type"},
        {"/swarm", R"({"prompt":"x","agents":[{"name":"a"}],"entry_agent":"z"})", "/entry_agent"},
        {"/swarm", R"({"prompt":"x","agents":[{"name":"a"}],"entry_agent_id":"z"})", "/entry_agent_id"},
        {"/swarm", R"({"agents":[{"name":"a"}]})", "/prompt"},
        {"/swarm", R"({"prompt":"x"})", "/agents"},
        {"/swarm", R"({"prompt":"x","agents":[{"name":"a"}],"max_steps":1})", "/max_steps"},
        {"/swarm", R"({"prompt":"x","agents":[{"name":"a"}],"entry_agent_override":"z"})",
         "/entry_agent_override"},
        {"/swarm", R"({"prompt":"x","agents":[{"name":"a"}],"multi_agent_id":"multi_x"})", "/agents"}};
    for (const auto& [path, body, param] : cases) {
      const auto answer = co_await p.post("/api/v1/agents" + path, body);
      EXPECT_EQ(text_at(answer, "/error/param"), param) << body;
      EXPECT_TRUE(text_at(answer, "/error/message").starts_with(param + ": ")) << body;
    }
  });
}

TEST(Teams, AFailedTaskIsReportedAndWhatDependsOnItNeverAsked) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.fails_with = upstream_error("the provider is down");
    const auto answer =
        co_await p.post("/api/v1/agents/swarm/dag", fmt::format(R"({{"prompt":"go",{}}})", kTwoTasks));
    EXPECT_FALSE(answer.at("success").as_bool());
    EXPECT_EQ(text_at(answer, "/subtype"), "error_task_failed");
    EXPECT_EQ(text_at(answer, "/tasks/0/state"), "failed");
    EXPECT_EQ(text_at(answer, "/tasks/1/state"), "skipped");
    EXPECT_NE(text_at(answer, "/text").find("the provider is down"), std::string::npos);
    EXPECT_EQ(p.model.requests.size(), 1U);
    const auto run = co_await p.get("/api/v1/agents/runs/" + text_at(answer, "/run_id"));
    EXPECT_EQ(text_at(run, "/state"), "failed");
    EXPECT_EQ(text_at(run, "/error_code"), "error_task_failed");
  });
}

TEST(Teams, AMembersConfigIsLookedUpForWhoeverAsks) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await p.post("/api/v1/agents/configs",
                                       R"({"name":"Anns","env":"cloud_shared","system_prompt":"Be Ann's."})");
    const auto body = fmt::format(R"({{"prompt":"x","agents":[{{"name":"a","agent_config_id":"{}"}}]}})",
                                  text_at(agent, "/id"));
    const auto own = co_await p.send(call(Method::post, "/api/v1/agents/swarm", body));
    EXPECT_EQ(own.status, 200);
    EXPECT_EQ(p.model.requests.back().messages.front().text(), "Be Ann's.");
    const auto foreign = co_await p.send(call(Method::post, "/api/v1/agents/swarm", body, "eve"));
    EXPECT_EQ(foreign.status, 422);
    EXPECT_NE(foreign.body.find("does not exist"), std::string::npos);
  });
}

TEST(Teams, AnAgentThatIsATeamTakesNoPromptOrToolsOfTheChatAndSaysWhenItsTeamIsGone) {
  with_platform([](Platform& p) -> Task<void> {
    const auto team = co_await p.post(std::string(kSpecs), kept_team());
    const auto id = text_at(team, "/id");
    const auto agent = co_await p.post(
        "/api/v1/agents/configs",
        fmt::format(R"({{"name":"T","env":"cloud_shared","metadata":{{"multi_agent_id":"{}"}}}})", id));
    const auto chat = [&](std::string_view more) {
      return call(Method::post, "/api/v1/agents/chat",
                  fmt::format(R"({{"message":"go","stream":false,"agent_config_id":"{}"{}}})",
                              text_at(agent, "/id"), more));
    };
    const auto overridden = co_await p.ask(chat(R"(,"system_prompt":"x")"));
    EXPECT_EQ(text_at(overridden, "/error/param"), "/system_prompt");
    const auto unknown = co_await p.ask(chat(R"(,"entry_agent_override":"z")"));
    EXPECT_EQ(text_at(unknown, "/error/param"), "/entry_agent_override");
    co_await p.send(call(Method::del, std::string(kSpecs) + "/" + id));
    const auto gone = co_await p.ask(chat(""));
    EXPECT_EQ(text_at(gone, "/error/code"), "team_not_found");
  });
}

TEST(Teams, ATemplateThatCarriesATeamMakesOneForEachAgentUnlessTheBodyNamesAnother) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made =
        co_await p.post("/api/v1/agents/templates",
                        fmt::format(R"({{"id":"duo","name":"Duo","multi_agent":{{{}}}}})", kTwoTasks));
    EXPECT_TRUE(made.as_object().contains("multi_agent"));
    const auto agent = co_await p.post("/api/v1/agents/configs", R"({"name":"Mine","template_id":"duo"})");
    const auto id = text_at(agent, "/metadata/multi_agent_id");
    const auto team = co_await p.get(std::string(kSpecs) + "/" + id);
    EXPECT_EQ(text_at(team, "/name"), "Mine");
    EXPECT_EQ(text_at(team, "/owner_id"), "ann");
    const auto with_team = [](std::string team) {
      return fmt::format(R"({{"template_id":"duo","metadata":{{"multi_agent_id":"{}"}}}})", team);
    };
    const auto other = co_await p.post("/api/v1/agents/configs", with_team(id));
    EXPECT_EQ(text_at(other, "/metadata/multi_agent_id"), id);
    const auto none = co_await p.post("/api/v1/agents/configs", with_team("multi_nope"));
    EXPECT_EQ(text_at(none, "/error/param"), "/metadata/multi_agent_id");
    const auto bad = co_await p.post("/api/v1/agents/templates",
                                     R"({"id":"bad","name":"Bad","multi_agent":{"agents":[]}})");
    EXPECT_TRUE(text_at(bad, "/error/param").starts_with("/multi_agent"));
    const auto list = co_await p.get(std::string(kSpecs));
    EXPECT_EQ(list.at("multi_specs").as_array().size(), 1U);
  });
}

Task<void> follow(const net::Response& response, Reader& reader) {
  co_await response.stream(reader);
}

TEST(Teams, ACancelledRunLeavesNoTaskUnderWayAndHasTheReport) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.pause_after = 1;
    const auto response = co_await p.send(
        call(Method::post, "/api/v1/agents/swarm/stream", fmt::format(R"({{"prompt":"go",{}}})", kTwoTasks)));
    const auto executor = co_await asio::this_coro::executor;
    Reader reader(executor);
    TaskGroup reading(executor);
    reading.spawn("read", follow(response, reader));
    co_await p.model.wait_for_requests(1);
    const std::string run(response.headers.get("X-Run-Id"));
    co_await p.send(call(Method::post, "/api/v1/agents/runs/" + run + "/cancel"));
    co_await reading.join();

    const auto events = events_of(reader.text);
    const auto changes = task_changes(events);
    EXPECT_EQ(changes.back(), "second:cancelled");
    EXPECT_EQ(changes.at(changes.size() - 2), "first:cancelled");
    const auto* result = event_of_type(events, "result");
    if (!result) throw std::runtime_error(reader.text);
    EXPECT_EQ(text_at(*result, "/metadata/subtype"), "interrupted");
    EXPECT_EQ(text_at(*result, "/metadata/tasks/0/state"), "cancelled");
    EXPECT_NE(text_at(*result, "/metadata/tasks/1/reason").find("cancelled"), std::string::npos);
  });
}

TEST(Teams, TheSameIdempotencyKeyRunsATeamOnce) {
  with_platform([](Platform& p) -> Task<void> {
    auto request = call(Method::post, "/api/v1/agents/swarm", R"({"prompt":"x","agents":[{"name":"a"}]})");
    request.headers["Idempotency-Key"] = "one";
    const auto first = co_await p.ask(request);
    const auto second = co_await p.ask(request);
    EXPECT_EQ(text_at(first, "/run_id"), text_at(second, "/run_id"));
    EXPECT_EQ(text_at(second, "/text"), "Hello, world");
    EXPECT_EQ(p.model.requests.size(), 1U);
  });
}

TEST(Teams, EveryVersionIsKeptAndCanBeGoneBackTo) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await p.post(std::string(kSpecs), kept_team());
    const auto path = std::string(kSpecs) + "/" + text_at(made, "/id");
    co_await p.send(call(Method::patch, path, R"({"name":"Changed"})"));
    auto stale = call(Method::post, path + "/rollback", R"({"version":1})");
    stale.headers["If-Match"] = "\"1\"";
    const auto refused = co_await p.send(stale);
    EXPECT_EQ(refused.status, 409);

    auto once = call(Method::post, path + "/rollback", R"({"version":1})");
    once.headers["Idempotency-Key"] = "back";
    const auto back = co_await p.ask(once);
    const auto again = co_await p.ask(once);

    EXPECT_EQ(text_at(back, "/name"), "Pair");
    EXPECT_EQ(number_at(back, "/version"), 3);
    EXPECT_EQ(number_at(again, "/version"), 3);
    const auto all = co_await p.get(path + "/versions");
    EXPECT_EQ(all.at("versions").as_array().size(), 3U);
    EXPECT_EQ(text_at(all, "/versions/1/name"), "Changed");
    const auto newest = co_await p.get(path + "/versions?limit=1");
    EXPECT_EQ(number_at(newest, "/versions/0/version"), 3);
    const auto older = co_await p.get(path + "/versions?limit=1&cursor=" + text_at(newest, "/next_cursor"));
    EXPECT_EQ(number_at(older, "/versions/0/version"), 2);
    const auto second = co_await p.get(path + "/versions/2");
    EXPECT_EQ(text_at(second, "/name"), "Changed");
    for (const auto* missing : {"/versions/9", "/versions/x"}) {
      const auto none = co_await p.send(call(Method::get, path + missing));
      EXPECT_EQ(none.status, 404);
    }
    const auto foreign = co_await p.send(call(Method::get, path + "/versions", "", "eve"));
    EXPECT_EQ(foreign.status, 404);
  });
}

TEST(Teams, ARunNamesTheVersionOfTheTeamThatRan) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await p.post(std::string(kSpecs), kept_team());
    const auto id = text_at(made, "/id");
    co_await p.send(call(Method::patch, std::string(kSpecs) + "/" + id, R"({"name":"Changed"})"));
    const auto ran = co_await p.post("/api/v1/agents/swarm/dag",
                                     fmt::format(R"({{"prompt":"x","multi_agent_id":"{}"}})", id));
    const auto run = co_await p.get("/api/v1/agents/runs/" + text_at(ran, "/run_id"));
    EXPECT_EQ(text_at(run, "/team_id"), id);
    EXPECT_EQ(number_at(run, "/team_version"), 2);
  });
}

}  // namespace
}  // namespace isa::agent
