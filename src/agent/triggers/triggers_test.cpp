// Triggers through the routes of a whole agent service, with a model that says what the test tells it to.
#include "agent/test_platform.h"
#include "agent/triggers/webhook_signature.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using testing::Call;
using testing::Platform;
using testing::with_platform;

constexpr auto kTriggers = "/api/v1/agents/triggers";

// At once, without pauses between failures: what a test waits for is what it tests.
AgentServiceConfig impatient() {
  AgentServiceConfig config;
  config.trigger_backoff = std::chrono::milliseconds(1);
  return config;
}

struct Made {
  std::string id;
  std::string secret;
};

std::string text_at(const json::value& document, std::string_view pointer) {
  boost::system::error_code ec;
  const auto* found = document.find_pointer(pointer, ec);
  return found && found->is_string() ? std::string(found->get_string()) : "";
}

Task<std::string> new_agent(Platform& p, std::string mode = "PROACTIVE") {
  const auto made = co_await p.post(
      "/api/v1/agents/configs",
      fmt::format(R"({{"name":"a","model_id":"builtin/demo","env":"cloud_shared","mode":"{}"}})", mode));
  co_return text_at(made, "/id");
}

Task<net::Response> send_trigger(Platform& p, std::string agent, std::string fields) {
  Call call{net::Method::post, kTriggers,
            fmt::format(R"({{"name":"t","agent_config_id":"{}","prompt":"Look.",{}}})", agent, fields)};
  co_return co_await p.send(std::move(call));
}

Task<Made> new_trigger(Platform& p, std::string fields) {
  auto agent = co_await new_agent(p);
  const auto response = co_await send_trigger(p, std::move(agent), std::move(fields));
  EXPECT_EQ(response.status, 200) << response.body;
  const auto made = json::parse(response.body).value();
  co_return Made{text_at(made, "/id"), text_at(made, "/secret")};
}

Task<json::value> trigger(Platform& p, std::string id) {
  co_return co_await p.get(fmt::format("{}/{}", kTriggers, id));
}
Task<json::array> firings(Platform& p, std::string id) {
  const auto page = co_await p.get(fmt::format("{}/{}/firings", kTriggers, id));
  co_return page.at("firings").as_array();
}

// The trigger's firings once all of them, and at least `count`, have ended.
Task<json::array> ended_firings(Platform& p, std::string id, std::size_t count) {
  for (;;) {
    auto all = co_await firings(p, id);
    const bool has_open = std::ranges::any_of(all, [](const json::value& one) {
      const auto state = text_at(one, "/state");
      return state == "pending" || state == "started";
    });
    if (all.size() >= count && !has_open) co_return all;
    co_await sleep_for(std::chrono::milliseconds(2));
  }
}

Task<net::Response> hook(Platform& p, const Made& made, std::string body, std::string signature) {
  Call call{net::Method::post, "/api/v1/agents/hooks/" + made.id, std::move(body), ""};
  call.headers["X-ISA-Signature"] = std::move(signature);
  co_return co_await p.send(std::move(call));
}
std::string signature_of(const Made& made, std::string_view body, std::int64_t later = 0) {
  const auto at = to_millis(now()) / 1000 + later;
  return fmt::format("t={},v1={}", at, sign_webhook(made.secret, at, body));
}

TEST(Triggers, AFiringStartsARunWithThePromptAndWhatItWasFiredBy) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await new_trigger(p, R"("type":"pattern","rule":{"event":"alarm"})");
    const auto heard =
        co_await p.post("/api/v1/agents/events", R"({"type":"alarm","data":{"room":"cellar"}})");
    EXPECT_TRUE(heard.at_pointer("/triggers/0/fired").as_bool());
    const auto all = co_await ended_firings(p, made.id, 1);
    EXPECT_EQ(text_at(all[0], "/state"), "succeeded");
    EXPECT_EQ(text_at(all[0], "/cause"), "event");
    EXPECT_EQ(text_at(all[0], "/run_id"), text_at(heard, "/triggers/0/run_id"));

    const auto run = co_await p.get("/api/v1/agents/runs/" + text_at(all[0], "/run_id"));
    EXPECT_EQ(text_at(run, "/response"), "Hello, world");
    EXPECT_TRUE(text_at(run, "/message").starts_with("Look.\n\n<trigger_context>"));
    EXPECT_NE(text_at(run, "/message").find("cellar"), std::string::npos);
    const auto events = co_await p.store->runs().events(RunId(text_at(all[0], "/run_id")), 0);
    const auto start = json::parse(*events->front().json).value();
    EXPECT_EQ(text_at(start, "/metadata/metadata/trigger/id"), made.id);
    EXPECT_EQ(text_at(start, "/metadata/metadata/trigger/type"), "pattern");
    EXPECT_EQ(text_at(start, "/metadata/metadata/trigger/payload/event/data/room"), "cellar");
    EXPECT_EQ((co_await trigger(p, made.id)).at("fire_count"), 1);
  });
}

TEST(Triggers, OnlyAProactiveAgentHasAnEnabledTrigger) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await new_agent(p, "REACTIVE");
    const auto refused = co_await send_trigger(p, agent, R"("type":"webhook")");
    EXPECT_EQ(refused.status, 422);
    EXPECT_NE(refused.body.find("PROACTIVE"), std::string::npos);
    const auto disabled = co_await send_trigger(p, agent, R"("type":"webhook","enabled":false)");
    EXPECT_EQ(disabled.status, 200);
    const auto path = fmt::format("{}/{}", kTriggers, text_at(json::parse(disabled.body).value(), "/id"));
    Call enable{net::Method::patch, path, R"({"enabled":true})"};
    EXPECT_EQ((co_await p.send(enable)).status, 422);
    Call fire{net::Method::post, path + "/fire"};
    EXPECT_EQ((co_await p.send(fire)).status, 422);
    Call mode{net::Method::patch, "/api/v1/agents/configs/" + agent, R"({"mode":"PROACTIVE"})"};
    EXPECT_EQ((co_await p.send(mode)).status, 200);
    EXPECT_EQ((co_await p.send(enable)).status, 200);
  });
}

TEST(Triggers, AnAgentThatIsNoLongerProactiveDisablesItsTriggerAtTheNextFiring) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await new_trigger(p, R"("type":"pattern","rule":{"event":"e"})");
    const auto agent = text_at(co_await trigger(p, made.id), "/agent_config_id");
    Call mode{net::Method::patch, "/api/v1/agents/configs/" + agent, R"({"mode":"REACTIVE"})"};
    EXPECT_EQ((co_await p.send(mode)).status, 200);
    co_await p.post("/api/v1/agents/events", R"({"type":"e","data":{}})");
    const auto all = co_await ended_firings(p, made.id, 1);
    EXPECT_EQ(text_at(all[0], "/state"), "failed");
    const auto now_disabled = co_await trigger(p, made.id);
    EXPECT_FALSE(now_disabled.at("enabled").as_bool());
    EXPECT_NE(text_at(now_disabled, "/disabled_reason").find("PROACTIVE"), std::string::npos);
  });
}

TEST(Triggers, AForeignOneIsNotFound) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await new_trigger(p, R"("type":"pattern","rule":{"event":"e"})");
    const auto path = fmt::format("{}/{}", kTriggers, made.id);
    for (const auto& call : std::vector<Call>{{net::Method::get, path, "", "bob"},
                                              {net::Method::patch, path, "{}", "bob"},
                                              {net::Method::del, path, "", "bob"},
                                              {net::Method::post, path + "/fire", "", "bob"},
                                              {net::Method::get, path + "/firings", "", "bob"}})
      EXPECT_EQ((co_await p.send(call)).status, 404) << call.path;
    Call event{net::Method::post, "/api/v1/agents/events", R"({"type":"e","data":{}})", "bob"};
    EXPECT_EQ((co_await p.ask(event)).at("triggers").as_array().size(), 0u);
    const auto agent = co_await new_agent(p);
    Call steal{net::Method::post, kTriggers,
               fmt::format(R"({{"name":"t","agent_config_id":"{}","prompt":"x","type":"webhook"}})", agent),
               "bob"};
    EXPECT_EQ((co_await p.send(steal)).status, 404);
  });
}

TEST(Triggers, AUserHasNoMoreThanTheLimit) {
  AgentServiceConfig config;
  config.max_triggers_per_user = 2;
  with_platform(
      [](Platform& p) -> Task<void> {
        const auto agent = co_await new_agent(p);
        const std::string fields = R"("type":"webhook")";
        EXPECT_EQ((co_await send_trigger(p, agent, fields)).status, 200);
        EXPECT_EQ((co_await send_trigger(p, agent, fields)).status, 200);
        EXPECT_EQ((co_await send_trigger(p, agent, fields)).status, 429);
      },
      config);
}

TEST(Triggers, TheCooldownHoldsEventsBack) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await new_trigger(p, R"("type":"pattern","rule":{"event":"e"})");
    const std::string event = R"({"type":"e","data":{}})";
    EXPECT_TRUE((co_await p.post("/api/v1/agents/events", event)).at_pointer("/triggers/0/fired").as_bool());
    const auto second = co_await p.post("/api/v1/agents/events", event);
    EXPECT_FALSE(second.at_pointer("/triggers/0/fired").as_bool());
    EXPECT_EQ(text_at(second, "/triggers/0/why_not"), "trigger_cooldown");
    // A test run does not wait.
    Call fire{net::Method::post, fmt::format("{}/{}/fire", kTriggers, made.id), R"({"payload":{"a":1}})"};
    EXPECT_EQ((co_await p.send(fire)).status, 200);
    EXPECT_EQ((co_await ended_firings(p, made.id, 2)).size(), 2u);
    EXPECT_EQ((co_await trigger(p, made.id)).at("fire_count"), 1);
  });
}

TEST(Triggers, AnAgentThatFailsIsPausedAndThenDisabledWithTheReason) {
  with_platform(
      [](Platform& p) -> Task<void> {
        p.model.fails_with = upstream_error("the provider is on fire");
        const auto made = co_await new_trigger(p, R"("type":"schedule","cooldown_s":0,"rule":{"every_s":1})");
        // Nobody does anything: the schedule alone runs into its end.
        const auto all = co_await ended_firings(p, made.id, 2);
        EXPECT_EQ(text_at(all[0], "/state"), "failed");
        EXPECT_NE(text_at(all[0], "/error"), "");
        for (;;) {
          const auto current = co_await trigger(p, made.id);
          if (!current.at("enabled").as_bool()) {
            EXPECT_NE(text_at(current, "/disabled_reason").find("2 runs failed"), std::string::npos);
            EXPECT_EQ(current.at("failures"), 2);
            EXPECT_FALSE(current.as_object().contains("next_due_at"));
            break;
          }
          co_await sleep_for(std::chrono::milliseconds(2));
        }
        p.model.fails_with.reset();
        Call enable{net::Method::patch, fmt::format("{}/{}", kTriggers, made.id), R"({"enabled":true})"};
        const auto enabled = co_await p.ask(enable);
        EXPECT_EQ(enabled.at("failures"), 0);
        EXPECT_FALSE(enabled.as_object().contains("disabled_reason"));
      },
      [] {
        auto config = impatient();
        config.trigger_max_failures = 2;
        return config;
      }());
}

TEST(Triggers, AFixedSessionIsContinuedAndOthersAreNew) {
  with_platform([](Platform& p) -> Task<void> {
    const auto fixed = co_await new_trigger(
        p, R"("type":"pattern","cooldown_s":0,"session_id":"sess_watch","rule":{"event":"e"})");
    const auto fresh = co_await new_trigger(p, R"("type":"pattern","cooldown_s":0,"rule":{"event":"e"})");
    for (std::size_t i = 1; i <= 2; ++i) {
      co_await p.post("/api/v1/agents/events", R"({"type":"e","data":{}})");
      co_await ended_firings(p, fixed.id, i);
      co_await ended_firings(p, fresh.id, i);
    }
    const auto runs = co_await p.get("/api/v1/agents/sessions/sess_watch/runs");
    EXPECT_EQ(runs.at("runs").as_array().size(), 2u);
    const auto all = co_await firings(p, fresh.id);
    EXPECT_NE(text_at(all[0], "/session_id"), text_at(all[1], "/session_id"));
    const auto session = co_await p.get("/api/v1/agents/sessions/" + text_at(all[0], "/session_id"));
    EXPECT_EQ(text_at(session, "/title"), "t");
  });
}

TEST(Triggers, AFixedSessionOfAnotherAgentIsRefused) {
  with_platform([](Platform& p) -> Task<void> {
    const auto other = co_await new_agent(p), agent = co_await new_agent(p);
    co_await p.post("/api/v1/agents/sessions",
                    fmt::format(R"({{"session_id":"sess_other","agent_config_id":"{}"}})", other));
    const auto refused = co_await send_trigger(p, agent, R"("type":"webhook","session_id":"sess_other")");
    EXPECT_EQ(refused.status, 422);
    EXPECT_NE(refused.body.find("/session_id"), std::string::npos);
  });
}

TEST(Triggers, AnotherRuleForgetsWhatTheFormerCounted) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made =
        co_await new_trigger(p, R"("type":"pattern","rule":{"event":"e","count":2,"within_minutes":5})");
    const std::string event = R"({"type":"e","data":{}})";
    const auto first = co_await p.post("/api/v1/agents/events", event);
    EXPECT_EQ(text_at(first, "/triggers/0/why_not"), "1 of 2 events so far");
    Call rule{net::Method::patch, fmt::format("{}/{}", kTriggers, made.id),
              R"({"rule":{"event":"e","count":2,"within_minutes":9}})"};
    EXPECT_EQ((co_await p.send(rule)).status, 200);
    const auto again = co_await p.post("/api/v1/agents/events", event);
    EXPECT_EQ(text_at(again, "/triggers/0/why_not"), "1 of 2 events so far");
    EXPECT_TRUE((co_await p.post("/api/v1/agents/events", event)).at_pointer("/triggers/0/fired").as_bool());
  });
}

TEST(Triggers, BadBodiesAreRefusedWithTheirPointer) {
  with_platform([](Platform& p) -> Task<void> {
    const auto agent = co_await new_agent(p);
    for (const auto& [fields, pointer] : std::vector<std::pair<std::string, std::string>>{
             {R"("type":"schedule")", "/rule"},
             {R"("type":"schedule","rule":{"cron":"61 * * * *"})", "/rule/cron"},
             {R"("type":"schedule","rule":{"at":"2020-01-01T00:00:00Z"})", "/rule/at"},
             {R"("type":"often","rule":{})", "/type"},
             {R"("type":"webhook","cooldown_s":-1)", "/cooldown_s"},
             {R"("type":"webhook","enabled":null)", "/enabled"},
             {R"("type":"webhook","session_id":"a b")", "/session_id"},
             {R"("type":"webhook","colour":"red")", "/colour"}}) {
      const auto response = co_await send_trigger(p, agent, fields);
      EXPECT_EQ(response.status, 422) << fields << response.body;
      EXPECT_EQ(text_at(json::parse(response.body).value(), "/error/param"), pointer) << response.body;
    }
    for (const auto* body : {R"({"type":"","data":{}})", R"({"type":"e","data":[]})", R"({"type":"e"})"}) {
      Call call{net::Method::post, "/api/v1/agents/events", body};
      EXPECT_EQ((co_await p.send(call)).status, 422) << body;
    }
  });
}

TEST(Triggers, AWebhookFiresForWhoHasItsSecretOnceForEachSignature) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await new_trigger(p, R"("type":"webhook","cooldown_s":0)");
    EXPECT_TRUE(made.secret.starts_with("whsec_"));
    EXPECT_EQ(json::serialize(co_await trigger(p, made.id)).find("secret"), std::string::npos);
    const std::string body = R"({"build":"broken"})";
    const auto signature = signature_of(made, body);
    const auto taken = co_await hook(p, made, body, signature);
    EXPECT_EQ(taken.status, 200) << taken.body;
    const auto replayed = co_await hook(p, made, body, signature);
    EXPECT_EQ(replayed.status, 409);
    EXPECT_NE(replayed.body.find("webhook_replayed"), std::string::npos);
    const auto other_spelling = "t=0" + signature.substr(2);
    EXPECT_EQ((co_await hook(p, made, body, other_spelling)).status, 409);
    EXPECT_EQ((co_await hook(p, made, body, signature_of(made, body, 1))).status, 200);
    const auto all = co_await ended_firings(p, made.id, 2);
    EXPECT_EQ(all.size(), 2u);
    EXPECT_EQ(text_at(all[0], "/payload/body/build"), "broken");
  });
}

TEST(Triggers, AWrongSignatureAndAnUnknownWebhookAreAnsweredAlike) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await new_trigger(p, R"("type":"webhook")");
    const Made other{made.id, make_webhook_secret()};
    const Made nobody{"trig_nobody", made.secret};
    const auto wrong = co_await hook(p, made, "{}", signature_of(other, "{}"));
    const auto unknown = co_await hook(p, nobody, "{}", signature_of(nobody, "{}"));
    EXPECT_EQ(wrong.status, 401);
    EXPECT_EQ(unknown.status, 401);
    EXPECT_EQ(text_at(json::parse(wrong.body).value(), "/error/message"),
              text_at(json::parse(unknown.body).value(), "/error/message"));
    p.sealer.is_key_lost = true;
    const auto unreadable = co_await hook(p, made, "{}", signature_of(made, "{}"));
    p.sealer.is_key_lost = false;
    EXPECT_EQ(unreadable.status, 401);
    EXPECT_EQ(text_at(json::parse(unreadable.body).value(), "/error/message"),
              text_at(json::parse(unknown.body).value(), "/error/message"));
    EXPECT_EQ((co_await hook(p, made, "{} ", signature_of(made, "{}"))).status, 401);
    EXPECT_EQ((co_await hook(p, made, "{}", "")).status, 401);
    EXPECT_EQ((co_await hook(p, made, "{}", signature_of(made, "{}", -1000))).status, 401);
    EXPECT_EQ((co_await firings(p, made.id)).size(), 0u);
  });
}

TEST(Triggers, AWebhookThatRestsOrIsDisabledSaysSoToWhoMayKnow) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await new_trigger(
        p, R"("type":"webhook","rule":{"all":[{"field":"kind","op":"equals","value":"push"}]})");
    const std::string other = R"({"kind":"pull"})", push = R"({"kind":"push"})";
    const auto not_met = co_await hook(p, made, other, signature_of(made, other));
    EXPECT_NE(not_met.body.find("\"fired\":false"), std::string::npos);
    EXPECT_EQ((co_await hook(p, made, push, signature_of(made, push))).status, 200);
    // Held back, not used up: the same signature may come again after the rest.
    const auto rests = co_await hook(p, made, push, signature_of(made, push, 1));
    EXPECT_EQ(rests.status, 429);
    EXPECT_NE(rests.body.find("trigger_cooldown"), std::string::npos);
    EXPECT_TRUE(rests.headers.has("Retry-After"));
    Call disable{net::Method::patch, fmt::format("{}/{}", kTriggers, made.id), R"({"enabled":false})"};
    EXPECT_EQ((co_await p.send(disable)).status, 200);
    EXPECT_EQ((co_await hook(p, made, push, signature_of(made, push, 2))).status, 409);
  });
}

TEST(Triggers, ManyCallsOfAWebhookAreSlowedDown) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await new_trigger(
        p, R"("type":"webhook","rule":{"all":[{"field":"kind","op":"equals","value":"push"}]})");
    int slowed = 0;
    for (int i = 0; i < 60; ++i) {
      const auto response = co_await hook(p, made, "{}", signature_of(made, "{}"));
      slowed += response.status == 429 ? 1 : 0;
    }
    EXPECT_GT(slowed, 20);
  });
}

TEST(Triggers, TheSecretIsSealedInTheStore) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await new_trigger(p, R"("type":"webhook")");
    const auto stored = co_await p.store->triggers().webhook(store::TriggerId(made.id));
    EXPECT_EQ(stored->second.find(made.secret), std::string::npos);
    EXPECT_EQ(json::serialize(json::write(stored->first)).find(made.secret), std::string::npos);
  });
}

TEST(Triggers, AnIdempotentTestRunIsOneRun) {
  with_platform([](Platform& p) -> Task<void> {
    const auto made = co_await new_trigger(p, R"("type":"webhook")");
    Call fire{net::Method::post, fmt::format("{}/{}/fire", kTriggers, made.id)};
    fire.headers["Idempotency-Key"] = "once";
    const auto first = co_await p.ask(fire), second = co_await p.ask(fire);
    EXPECT_EQ(text_at(first, "/run_id"), text_at(second, "/run_id"));
    EXPECT_EQ((co_await ended_firings(p, made.id, 1)).size(), 1u);
  });
}

TEST(Triggers, ATriggerThatIsDeletedWhileItsRunGoesLeavesTheRunAlone) {
  with_platform([](Platform& p) -> Task<void> {
    p.model.pause_after = 1;
    const auto made = co_await new_trigger(p, R"("type":"webhook")");
    Call fire{net::Method::post, fmt::format("{}/{}/fire", kTriggers, made.id)};
    const auto run = text_at(co_await p.ask(fire), "/run_id");
    co_await p.model.wait_for_requests(1);
    Call remove{net::Method::del, fmt::format("{}/{}", kTriggers, made.id)};
    EXPECT_EQ((co_await p.send(remove)).status, 200);
    p.model.resume();
    for (;;) {
      const auto now_run = co_await p.get("/api/v1/agents/runs/" + run);
      if (text_at(now_run, "/state") == "succeeded") break;
      co_await sleep_for(std::chrono::milliseconds(2));
    }
  });
}

TEST(Triggers, ATriggerReachesWhatItsOwnersOrganizationsShare) {
  with_platform([](Platform& p) -> Task<void> {
    const std::vector<Membership> acme{{OrgId("acme"), "admin"}};
    Call share{net::Method::post, "/api/v1/agents/configs",
               R"({"name":"a","env":"cloud_shared","mode":"PROACTIVE","visibility":"org"})", "bob"};
    share.orgs = acme;
    const auto agent = text_at(co_await p.ask(share), "/id");
    const auto fields = fmt::format(
        R"({{"name":"t","agent_config_id":"{}","prompt":"Look.","type":"pattern","rule":{{"event":"e"}}}})",
        agent);
    Call create{net::Method::post, kTriggers, fields};
    EXPECT_EQ((co_await p.send(create)).status, 404);
    create.orgs = acme;
    const auto made = co_await p.ask(create);
    EXPECT_EQ(json::serialize(made.at("org_ids")), R"(["acme"])");

    std::ignore = co_await p.post("/api/v1/agents/events", R"({"type":"e","data":{}})");
    const auto id = text_at(made, "/id");
    EXPECT_EQ(text_at((co_await ended_firings(p, id, 1)).at(0), "/state"), "succeeded");

    // Those of its last change count.
    Call patch{net::Method::patch, fmt::format("{}/{}", kTriggers, id), R"({"cooldown_s":0})"};
    EXPECT_EQ((co_await p.send(patch)).status, 404);
    patch.body = R"({"enabled":false})";
    EXPECT_EQ(json::serialize((co_await p.ask(patch)).at("org_ids")), "[]");
  });
}

}  // namespace
}  // namespace isa::agent
