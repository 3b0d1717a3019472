#include "auth/guard.h"

#include "base/testing.h"

#include <gtest/gtest.h>

namespace isa::auth {
namespace {

// What an auth service that knows one token and one key would answer; the verifying itself is not tested
// here.
class OneOfEach final : public AuthClient {
 public:
  Task<Result<Identity>> verify_token(std::string jwt) override {
    if (jwt != "good-token") co_return unauthorized("the token is unknown");
    Identity identity;
    identity.user = UserId("token-user");
    co_return identity;
  }
  Task<Result<Identity>> verify_api_key(std::string key, std::string peer) override {
    if (key != "isa_good" || peer != "127.0.0.1") co_return unauthorized("the key is unknown");
    Identity identity;
    identity.user = UserId("key-user");
    co_return identity;
  }
};

using Fields = std::vector<std::pair<std::string, std::string>>;

net::Request request_with(const Fields& fields, std::string peer = "127.0.0.1") {
  net::Request request;
  for (const auto& [name, value] : fields) request.headers.add(name, value);
  request.peer = std::move(peer);
  return request;
}

Settings trusting() {
  return {.trust_user_header = true, .internal_secret = "s3cret"};
}

Result<Identity> ask(Settings settings, AuthClient* auth, const net::Request& request) {
  const auto guard = make_guard(std::move(settings), auth);
  return testing::run(guard(request));
}

void expect_refused(const Result<Identity>& result, std::string_view because) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::unauthorized);
  EXPECT_NE(result.error().message().find(because), std::string::npos) << result.error().message();
}

const Fields kInternal{{"X-Internal-Service", "true"}, {"X-Internal-Service-Secret", "s3cret"}};

TEST(Guard, KnowsAnotherRoleByTheSecret) {
  const auto identity = ask({.internal_secret = "s3cret"}, nullptr, request_with(kInternal, "10.0.0.7"));
  ASSERT_TRUE(identity);
  EXPECT_TRUE(identity->is_internal);
  EXPECT_EQ(identity->user.value(), "internal-service");
}

TEST(Guard, LetsAnotherRoleSpeakForAUser) {
  auto fields = kInternal;
  fields.emplace_back("X-User-Id", "ada");
  const auto identity = ask({.internal_secret = "s3cret"}, nullptr, request_with(fields, "10.0.0.7"));
  ASSERT_TRUE(identity);
  EXPECT_TRUE(identity->is_internal);
  EXPECT_EQ(identity->user.value(), "ada");
}

TEST(Guard, RefusesAWrongSecretEvenWhereTheUserHeaderWouldDo) {
  const Fields fields{
      {"X-Internal-Service", "true"}, {"X-Internal-Service-Secret", "guess!"}, {"X-User-Id", "ada"}};
  expect_refused(ask(trusting(), nullptr, request_with(fields)), "missing or wrong");
}

TEST(Guard, RefusesAnotherRoleWhenNoSecretIsSet) {
  const Fields fields{{"X-Internal-Service", "true"}, {"X-Internal-Service-Secret", ""}};
  expect_refused(ask({}, nullptr, request_with(fields)), "no internal secret");
}

TEST(Guard, TakesNoInternalSecretWithoutTheClaim) {
  const Fields fields{{"X-Internal-Service-Secret", "s3cret"}};
  expect_refused(ask({.internal_secret = "s3cret"}, nullptr, request_with(fields)), "who asks");
}

TEST(Guard, AsksTheAuthServiceAboutABearerToken) {
  OneOfEach auth;
  const auto identity = ask({}, &auth, request_with({{"Authorization", "Bearer good-token"}}));
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->user.value(), "token-user");
  EXPECT_FALSE(identity->is_internal);
  expect_refused(ask({}, &auth, request_with({{"Authorization", "Bearer bad"}})), "token is unknown");
}

TEST(Guard, KnowsAnApiKeyInEitherHeader) {
  OneOfEach auth;
  for (const auto& field : Fields{{"Authorization", "Bearer isa_good"}, {"X-API-Key", "isa_good"}}) {
    const auto identity = ask({}, &auth, request_with({field}));
    ASSERT_TRUE(identity) << field.first;
    EXPECT_EQ(identity->user.value(), "key-user");
  }
}

TEST(Guard, DoesNotFallBackToTheUserHeaderAfterABadToken) {
  OneOfEach auth;
  const Fields fields{{"Authorization", "Bearer bad"}, {"X-User-Id", "ada"}};
  expect_refused(ask(trusting(), &auth, request_with(fields)), "token is unknown");
}

TEST(Guard, SaysThatNoAuthServiceIsConfigured) {
  expect_refused(ask(trusting(), nullptr, request_with({{"X-API-Key", "isa_good"}})),
                 "no auth service is configured");
}

TEST(Guard, RefusesAnAuthorizationThatIsNotBearer) {
  OneOfEach auth;
  expect_refused(ask({}, &auth, request_with({{"Authorization", "Basic Z29vZDpnb29k"}})), "Bearer");
}

TEST(Guard, RefusesTwoCredentials) {
  OneOfEach auth;
  const Fields both{{"Authorization", "Bearer good-token"}, {"X-API-Key", "isa_good"}};
  expect_refused(ask({}, &auth, request_with(both)), "send one");
  const Fields twice{{"Authorization", "Bearer good-token"}, {"Authorization", "Bearer good-token"}};
  expect_refused(ask({}, &auth, request_with(twice)), "twice");
}

TEST(Guard, BelievesEitherUserHeaderFromItsOwnMachine) {
  for (const std::string peer : {"127.0.0.1", "::1", "unix"}) {
    const auto identity = ask(trusting(), nullptr, request_with({{"user-id", "ada"}}, peer));
    ASSERT_TRUE(identity) << peer;
    EXPECT_EQ(identity->user.value(), "ada");
    EXPECT_FALSE(identity->is_internal);
  }
}

TEST(Guard, DoesNotBelieveTheUserHeaderFromElsewhere) {
  expect_refused(ask(trusting(), nullptr, request_with({{"X-User-Id", "ada"}}, "10.0.0.7")), "own machine");
}

TEST(Guard, DoesNotBelieveTheUserHeaderUnlessToldTo) {
  expect_refused(ask({.trust_user_header = false}, nullptr, request_with({{"X-User-Id", "ada"}})),
                 "auth.trust_user_header");
}

TEST(Guard, RefusesUserHeadersThatContradictEachOther) {
  const Fields fields{{"X-User-Id", "ada"}, {"user-id", "eve"}};
  expect_refused(ask(trusting(), nullptr, request_with(fields)), "different users");
}

TEST(Guard, TakesUserHeadersThatAgree) {
  const Fields fields{{"X-User-Id", "ada"}, {"user-id", "ada"}};
  EXPECT_TRUE(ask(trusting(), nullptr, request_with(fields)));
}

TEST(Guard, RefusesUserIdsThatAreNoIds) {
  for (const std::string& name : {std::string(), std::string("a b"), std::string("a\tb"),
                                  std::string("\xC3\xA4"), std::string(129, 'a')}) {
    expect_refused(ask(trusting(), nullptr, request_with({{"X-User-Id", name}})), "printable");
  }
  EXPECT_TRUE(ask(trusting(), nullptr, request_with({{"X-User-Id", std::string(128, 'a')}})));
}

TEST(Guard, AsksForACredentialWhenThereIsNone) {
  expect_refused(ask(trusting(), nullptr, request_with({})), "X-User-Id");
}

Result<Identity> ask_model_service(Settings settings, AuthClient* auth, const net::Request& request) {
  const auto guard = make_guard(std::move(settings), auth, PlaceholderKeys::ignored);
  return testing::run(guard(request));
}

TEST(GuardOfPlaceholders, TakesARequestWithOneForTheLocalUsers) {
  for (const auto& field : Fields{{"Authorization", "Bearer dummy"},
                                  {"X-API-Key", "sk-none"},
                                  {"Authorization", "Bearer sk-a.b.c"}}) {
    const auto identity = ask_model_service(trusting(), nullptr, request_with({field}));
    ASSERT_TRUE(identity) << field.second;
    EXPECT_EQ(identity->user.value(), kLocalUser);
    EXPECT_FALSE(identity->is_internal);
  }
}

TEST(GuardOfPlaceholders, BelievesTheUserHeaderBesideOne) {
  const Fields fields{{"Authorization", "Bearer dummy"}, {"X-User-Id", "ada"}};
  const auto identity = ask_model_service(trusting(), nullptr, request_with(fields));
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->user.value(), "ada");
}

TEST(GuardOfPlaceholders, RefusesKeysAndTokensThatWantToBeVerified) {
  for (const std::string credential : {"isa_good", "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2ln"})
    expect_refused(
        ask_model_service(trusting(), nullptr, request_with({{"Authorization", "Bearer " + credential}})),
        "no auth service is configured");
}

TEST(GuardOfPlaceholders, WeakensNothingThatOthersCanReach) {
  const Fields dummy{{"Authorization", "Bearer dummy"}, {"X-User-Id", "ada"}};
  const std::string why = "no auth service is configured";
  expect_refused(ask_model_service(trusting(), nullptr, request_with(dummy, "10.0.0.7")), why);
  expect_refused(ask_model_service({.trust_user_header = false}, nullptr, request_with(dummy)), why);
  expect_refused(ask(trusting(), nullptr, request_with(dummy)), why);
  OneOfEach auth;
  expect_refused(ask_model_service(trusting(), &auth, request_with(dummy)), "token is unknown");
}

TEST(GuardOfPlaceholders, AsksWhoItIsWithoutOne) {
  expect_refused(ask_model_service(trusting(), nullptr, request_with({})), "who asks");
}

}  // namespace
}  // namespace isa::auth
