// Access tokens of secrets, renewed outside of the sandbox that uses them.
#include "cloud_os/secrets/test_authority.h"

namespace isa::cloud_os::testing {
namespace {

const Identity kAnn{.user = UserId("ann")};

bool is(const std::string& answer, int status, std::string_view part = "") {
  return answer.starts_with(fmt::format("HTTP/1.1 {} ", status)) && answer.contains(part);
}

// Of a person who signed in: a token that has ended, and what it takes to get the next one.
SecretDefinition signed_in() {
  SecretDefinition definition;
  definition.value = "access-token-past";
  definition.hosts = {"mcp.test"};
  definition.header = "Authorization: Bearer {}";
  definition.oauth = OauthDefinition{.token_url = std::string(kTokenUrl),
                                     .client_id = "client-of-isa",
                                     .refresh_token = "refresh-token-0000",
                                     .resource = "https://mcp.test/mcp",
                                     .expires_at = now()};
  return definition;
}

SecretDefinition of_a_program() {
  auto definition = signed_in();
  definition.value.reset();
  definition.oauth->expires_at.reset();
  definition.oauth->refresh_token.reset();
  definition.oauth->grant = store::OauthGrantType::client_credentials;
  definition.oauth->client_secret = "client-secret-0123456789";
  definition.oauth->scope = "read write";
  return definition;
}

Task<store::SecretId> put(Stage& stage, SecretDefinition definition) {
  auto stored = co_await stage.brokerage->secrets().set(kAnn, "mcp", std::move(definition));
  if (!stored) throw std::runtime_error(stored.error().message());
  co_return stored->id;
}

Task<store::SecretOauth> listed(Stage& stage) {
  co_return *(co_await stage.brokerage->secrets().list(kAnn, std::nullopt))->at(0).oauth;
}

Task<std::vector<store::SandboxAuditEntry>> renewals(Stage& stage) {
  auto trail = co_await stage.trail();
  std::erase_if(trail, [](const auto& entry) { return entry.kind != store::AuditKind::renewal; });
  co_return trail;
}

net::Response refusal(int status, const char* code) {
  return net::Response::json(status, {{"error", code}});
}

TEST(TokenRenewer, ATokenThatIsMissingIsFetchedAtItsFirstUse) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    co_await put(stage, of_a_program());
    const auto answer = co_await stage.get("http://mcp.test/a");
    EXPECT_TRUE(is(answer, 200, "Bearer [redacted]")) << answer;
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/b"), 200));
    EXPECT_EQ(authority.asked.size(), 1U);
    auto& question = authority.asked.at(0);
    EXPECT_EQ(question.fields["grant_type"], "client_credentials");
    EXPECT_EQ(question.fields["scope"], "read write");
    EXPECT_EQ(question.fields["resource"], "https://mcp.test/mcp");
    EXPECT_EQ(question.authorization, "Basic Y2xpZW50LW9mLWlzYTpjbGllbnQtc2VjcmV0LTAxMjM0NTY3ODk=");
    EXPECT_FALSE(question.fields.contains("client_secret"));
    const auto trail = co_await renewals(stage);
    EXPECT_EQ(trail.size(), 1U);
    EXPECT_EQ(trail.at(0).verdict, store::AuditVerdict::allowed);
    EXPECT_EQ(trail.at(0).target, "auth.test:443");
    EXPECT_EQ(trail.at(0).secret, "mcp");
    EXPECT_EQ(trail.at(0).user_id, UserId("ann"));
  });
}

TEST(TokenRenewer, ATokenThatEndsWithinAMinuteIsRenewedBeforeARequestGoesOut) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    auto soon = signed_in();
    soon.oauth->expires_at = now() + std::chrono::seconds(50);
    co_await put(stage, std::move(soon));
    const auto begin = now();
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 200, "[redacted]"));
    EXPECT_EQ(authority.seen.size(), 1U);
    auto& question = authority.asked.at(0);
    EXPECT_EQ(question.fields["refresh_token"], "refresh-token-0000");
    EXPECT_EQ(question.fields["client_id"], "client-of-isa");
    EXPECT_EQ(question.authorization, "");
    const auto oauth = co_await listed(stage);
    EXPECT_EQ(oauth.renewals, 1);
    EXPECT_GE(*oauth.expires_at, begin + std::chrono::seconds(3600));
    auto later = signed_in();
    later.value = "access-token-0001";
    later.oauth->expires_at = now() + std::chrono::seconds(70);
    co_await put(stage, std::move(later));
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 200));
    EXPECT_EQ(authority.asked.size(), 1U);
  });
}

TEST(TokenRenewer, TokensOfAShortLifeAreNotRenewedWithEveryRequest) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    authority.lifetime = 50;
    co_await put(stage, signed_in());
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 200));
    EXPECT_EQ(authority.asked.size(), 1U);
  });
}

TEST(TokenRenewer, ATokenOfWhichNobodySaysWhenItEndsIsUsedUntilItIsRefused) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    authority.lifetime.reset();
    co_await put(stage, signed_in());
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 200));
    EXPECT_EQ(authority.asked.size(), 1U);
    EXPECT_FALSE((co_await listed(stage)).expires_at);
    authority.token = "revoked";
    const auto answer = co_await stage.ask(
        "POST http://mcp.test/x HTTP/1.1\r\nHost: mcp.test\r\nContent-Length: 4\r\n\r\nbody");
    EXPECT_TRUE(is(answer, 200, R"("body":"body")")) << answer;
    EXPECT_EQ(authority.asked.size(), 2U);
    EXPECT_EQ(authority.seen.size(), 4U);
    EXPECT_EQ(authority.seen.at(2), "body");
    EXPECT_EQ(authority.seen.at(3), "body");
  });
}

TEST(TokenRenewer, AServerThatRefusesEveryTokenDoesNotMakeUsAskForOneWithEveryRequest) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    co_await put(stage, signed_in());
    authority.opens = false;
    for (int i = 0; i < 6; ++i) {
      const auto answer = co_await stage.get("http://mcp.test/");
      EXPECT_TRUE(is(answer, 401, "who are you?")) << answer;
    }
    EXPECT_EQ(authority.asked.size(), 4U);  // When it was due, and when three were refused.
  });
}

TEST(TokenRenewer, ABodyThatIsTooLargeToHoldTwiceIsNotSentAgainButTheNextRequestIs) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    co_await put(stage, signed_in());
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 200));
    authority.token = "revoked";
    const auto large = co_await stage.ask(
        fmt::format("POST http://mcp.test/ HTTP/1.1\r\nHost: mcp.test\r\nContent-Length: {}\r\n\r\n{}",
                    5 << 20, std::string(5 << 20, 'x')));
    EXPECT_TRUE(is(large, 401)) << large.substr(0, 300);
    EXPECT_EQ(authority.seen.size(), 2U);
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 200));
    EXPECT_EQ(authority.asked.size(), 2U);
  });
}

TEST(TokenRenewer, RequestsAtTheSameTimeWaitForOneRenewal) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    using namespace asio::experimental::awaitable_operators;
    co_await put(stage, signed_in());
    auto all = stage.get("http://mcp.test/1") && stage.get("http://mcp.test/2") &&
               stage.get("http://mcp.test/3") && stage.get("http://mcp.test/4");
    const auto [a, b, c, d] = co_await std::move(all);
    for (const auto& answer : {a, b, c, d}) EXPECT_TRUE(is(answer, 200)) << answer;
    EXPECT_EQ(authority.asked.size(), 1U);
    EXPECT_EQ((co_await renewals(stage)).size(), 1U);
  });
}

Task<void> note_what_is_stored(Stage& stage, store::SecretId id, TokenMaterial& to) {
  auto& vault = stage.brokerage->secrets();
  to = vault.material(*co_await vault.find(id)).value();
}

TEST(TokenRenewer, WhatCameWithATokenIsStoredBeforeTheTokenIsUsed) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    const auto id = co_await put(stage, signed_in());
    TokenMaterial stored;
    authority.at_door = [&] { return note_what_is_stored(stage, id, stored); };
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 200));
    EXPECT_EQ(stored.access_token, "access-token-0001");
    EXPECT_EQ(stored.refresh_token, "refresh-token-0001");
    co_await stage.reopen();
    stage.allow({"mcp.test"});
    authority.token = "revoked";
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 200));
    EXPECT_EQ(authority.asked.at(1).fields["refresh_token"], "refresh-token-0001");
  });
}

TEST(TokenRenewer, WhoeverStopsWaitingDoesNotEndARenewal) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    co_await put(stage, signed_in());
    auto inside = co_await stage.enter();
    Signal was_asked(co_await asio::this_coro::executor), go(co_await asio::this_coro::executor);
    bool is_asked = false, may_go = false;
    const auto wait = [](Signal& asked, bool& is, Signal& on, bool& may) -> Task<void> {
      is = true;
      asked.notify();
      while (!may) co_await on.wait();
    };
    authority.before_token = [&] { return wait(was_asked, is_asked, go, may_go); };
    co_await inside->say("GET http://mcp.test/ HTTP/1.1\r\nHost: mcp.test\r\n\r\n");
    while (!is_asked) co_await was_asked.wait();
    inside.reset();
    may_go = true;
    go.notify();
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 200));
    EXPECT_EQ(authority.asked.size(), 1U);
  });
}

TEST(TokenRenewer, AGrantThatIsGoneIsNotAskedForAgainAlsoNotAfterARestart) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    co_await put(stage, signed_in());
    authority.refresh_token = "another";
    for (int i = 0; i < 3; ++i) {
      if (i == 2) co_await stage.reopen();
      stage.allow({"mcp.test"});
      const auto answer = co_await stage.get("http://mcp.test/");
      EXPECT_TRUE(is(answer, 403, "oauth_renewal_failed")) << answer;
      EXPECT_TRUE(answer.contains("'mcp'") && answer.contains("invalid_grant")) << answer;
      EXPECT_TRUE(answer.contains("isa secrets authorize mcp --url https://mcp.test/mcp")) << answer;
      EXPECT_FALSE(answer.contains("refresh-token") || answer.contains("no such token")) << answer;
    }
    EXPECT_EQ(authority.asked.size(), 1U);
    EXPECT_EQ(authority.seen.size(), 0U);
    EXPECT_EQ((co_await listed(stage)).last_error->code, "invalid_grant");
    const auto trail = co_await renewals(stage);
    EXPECT_EQ(trail.size(), 1U);
    EXPECT_EQ(trail.at(0).verdict, store::AuditVerdict::refused);
    EXPECT_EQ(trail.at(0).reason, "invalid_grant");

    authority.refresh_token = "refresh-token-0000";
    co_await put(stage, signed_in());
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 200));
    EXPECT_FALSE((co_await listed(stage)).last_error);
  });
}

TEST(TokenRenewer, AFailureThatPassesIsTriedAgainAfterARest) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    co_await put(stage, signed_in());
    authority.instead = refusal(503, "temporarily_unavailable");
    for (int i = 0; i < 2; ++i) {
      const auto answer = co_await stage.get("http://mcp.test/");
      EXPECT_TRUE(is(answer, 502, "oauth_renewal_failed")) << answer;
      EXPECT_TRUE(answer.contains("tried again in 5 s")) << answer;
    }
    EXPECT_EQ(authority.asked.size(), 1U);
    EXPECT_EQ((co_await listed(stage)).last_error->code, "temporarily_unavailable");
    EXPECT_EQ((co_await renewals(stage)).at(0).verdict, store::AuditVerdict::failed);

    co_await stage.reopen();
    stage.allow({"mcp.test"});
    authority.instead.reset();
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 200));
    EXPECT_FALSE((co_await listed(stage)).last_error);
  });
}

TEST(TokenRenewer, RestsGrowUpToALimit) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    co_await put(stage, signed_in());
    RenewalLimits limits;
    limits.rest = limits.rest_max = std::chrono::milliseconds(0);
    stage.brokerage->renewer().limit(limits);
    authority.instead = refusal(500, "server_error");
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 502));
    EXPECT_EQ(authority.asked.size(), 3U);
    limits.rest = std::chrono::seconds(5);
    limits.rest_max = std::chrono::seconds(60);
    stage.brokerage->renewer().limit(limits);
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 502, "tried again in 40 s"));  // The fourth.
  });
}

TEST(TokenRenewer, ATokenThatStillHoldsIsUsedWhileItsRenewalFails) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    auto soon = signed_in();
    soon.value = authority.token;
    soon.oauth->expires_at = now() + std::chrono::seconds(50);
    co_await put(stage, std::move(soon));
    authority.instead = refusal(503, "temporarily_unavailable");
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 200));
    EXPECT_EQ(authority.asked.size(), 1U);
  });
}

TEST(TokenRenewer, AnAnswerThatIsNoneIsAFailureThatRepeatsNothingOfIt) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    RenewalLimits limits;
    limits.rest = limits.rest_max = std::chrono::milliseconds(0);
    stage.brokerage->renewer().limit(limits);
    co_await put(stage, signed_in());
    for (const auto& body :
         {std::string("refresh-token-0000"), std::string(70'000, 'x'),
          std::string(R"({"access_token":"refresh-token-0000\r\nX: y","token_type":"Bearer"})"),
          std::string(R"({"access_token":"short","token_type":"Bearer"})"),
          std::string(R"({"error":"refresh-token-0000"})")}) {
      authority.instead = net::Response::text(200, "application/json", body);
      const auto answer = co_await stage.get("http://mcp.test/");
      EXPECT_TRUE(is(answer, 502, "oauth_renewal_failed")) << body.substr(0, 100) << answer;
      EXPECT_FALSE(answer.contains("refresh-token")) << answer;
    }
    auto moved = net::Response::text(302, "text/plain", "");
    moved.headers.set("Location", "https://plain.test/");
    authority.instead = moved;
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 502, "status 302"));
  });
}

TEST(TokenRenewer, ATokenEndpointIsReachedByTheRulesOfEverythingThatLeaves) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    stage.names->names["inside.test"] = {"10.0.0.1"};
    auto definition = signed_in();
    definition.oauth->token_url = "https://inside.test/token";
    co_await put(stage, std::move(definition));
    const auto answer = co_await stage.get("http://mcp.test/");
    EXPECT_TRUE(is(answer, 403, "oauth_renewal_failed")) << answer;
    EXPECT_FALSE(answer.contains("10.0.0.1")) << answer;
    EXPECT_EQ((co_await renewals(stage)).at(0).reason, "address_not_allowed");
    // The certificate of what answers there is for another name.
    auto other = signed_in();
    other.oauth->token_url = "https://other.test/token";
    co_await put(stage, std::move(other));
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 502, "oauth_renewal_failed"));
    EXPECT_EQ(authority.asked.size(), 0U);
  });
}

TEST(TokenRenewer, APlaceholderStaysWhileItsTokenIsRenewed) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    auto definition = signed_in();
    definition.header.reset();
    definition.env = "MCP_TOKEN";
    co_await put(stage, std::move(definition));
    const auto environment = co_await stage.ask("GET /environment HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto at = environment.find("isa-placeholder-");
    const auto placeholder = environment.substr(at, environment.find('"', at) - at);
    const auto header = "Authorization: Bearer " + placeholder + "\r\n";
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/", header), 200, "Bearer [redacted]"));
    authority.token = "revoked";
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/", header), 200, "Bearer [redacted]"));
    EXPECT_EQ(authority.asked.size(), 2U);
  });
}

Task<void> set_by_hand(Stage& stage, std::string value) {
  auto definition = signed_in();
  definition.value = std::move(value);
  definition.oauth->expires_at = now() + std::chrono::hours(1);
  co_await put(stage, std::move(definition));
}

Task<void> open_to(Authority& authority, std::string token) {
  authority.token = std::move(token);
  co_return;
}

TEST(TokenRenewer, WhatSomebodySetsMeanwhileCounts) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    const auto id = co_await put(stage, signed_in());
    authority.before_token = [&] { return set_by_hand(stage, "access-token-by-hand"); };
    authority.at_door = [&]() { return open_to(authority, "access-token-by-hand"); };
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 200));
    EXPECT_EQ(authority.asked.size(), 1U);
    TokenMaterial stored;
    co_await note_what_is_stored(stage, id, stored);
    EXPECT_EQ(stored.access_token, "access-token-by-hand");
    EXPECT_EQ(stored.refresh_token, "refresh-token-0000");
  });
}

TEST(TokenRenewer, NothingConfidentialIsListed) {
  with_authority([](Stage& stage, Authority& authority) -> Task<void> {
    co_await put(stage, signed_in());
    EXPECT_TRUE(is(co_await stage.get("http://mcp.test/"), 200));
    auto texts = authority.texts;
    texts.insert(texts.end(), {"access-token-past", "refresh-token-0000"});
    const auto all = co_await stage.brokerage->secrets().list(kAnn, std::nullopt);
    const auto shown = json::serialize(json::write(all.value()));
    EXPECT_TRUE(shown.contains("client-of-isa")) << shown;
    for (const auto& text : texts) EXPECT_FALSE(shown.contains(text)) << text;
    for (const auto& entry : co_await stage.trail())
      for (const auto& text : texts) EXPECT_FALSE(json::serialize(json::write(entry)).contains(text));
  });
}

TEST(OauthDefinition, WhatCannotWorkIsRefusedWithItsField) {
  const auto refused = [](auto change, SecretDefinition definition = signed_in()) {
    change(definition);
    const auto checked = check_secret("n", definition);
    return checked ? std::string() : checked.error().param();
  };
  EXPECT_EQ(refused([](auto&) {}), "");
  EXPECT_EQ(refused([](auto&) {}, of_a_program()), "");
  for (const char* url : {"http://auth.test/token", "https://127.0.0.1/token", "https://[::1]/token", "",
                          "https://localhost/token", "https://u:p@auth.test/", "https://auth.test/#x",
                          "https://auth.test/a b", "https://auth.test:0/"})
    EXPECT_EQ(refused([&](auto& one) { one.oauth->token_url = url; }), "/oauth/token_url") << url;
  EXPECT_EQ(refused([](auto& one) { one.oauth->client_id = ""; }), "/oauth/client_id");
  EXPECT_EQ(refused([](auto& one) { one.oauth->refresh_token.reset(); }), "/oauth/refresh_token");
  EXPECT_EQ(refused([](auto& one) { one.oauth->refresh_token = "a\nb"; }), "/oauth/refresh_token");
  EXPECT_EQ(refused([](auto& one) { one.oauth->refresh_token = "x-12345678"; }, of_a_program()),
            "/oauth/refresh_token");
  EXPECT_EQ(refused([](auto& one) { one.oauth->client_secret.reset(); }, of_a_program()),
            "/oauth/client_secret");
  EXPECT_EQ(refused([](auto& one) { one.oauth->auth_method = store::OauthClientAuth::none; }, of_a_program()),
            "/oauth/auth_method");
  EXPECT_EQ(refused([](auto& one) { one.oauth->auth_method = store::OauthClientAuth::client_secret_post; }),
            "/oauth/auth_method");
  EXPECT_EQ(refused([](auto& one) { one.value.reset(); }), "/oauth/expires_at");
  EXPECT_EQ(refused([](auto& one) { one.oauth.reset(), one.value.reset(); }), "/value");
}

}  // namespace
}  // namespace isa::cloud_os::testing
