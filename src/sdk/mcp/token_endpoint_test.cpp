#include "sdk/mcp/token_endpoint.h"

#include <gtest/gtest.h>

namespace isa::sdk::mcp {
namespace {

std::string code_of(int status, std::string_view body) {
  const auto answer = parse_token_answer(status, body);
  return answer ? "" : std::string(answer.error().code());
}

TEST(TokenEndpoint, AnAnswerIsReadAsRfc6749WritesIt) {
  const auto answer = parse_token_answer(
      200, R"({"access_token":"a1","token_type":"bearer","expires_in":3600,"refresh_token":"r1","scope":"x y",
               "example_parameter":"any"})");
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->access_token, "a1");
  EXPECT_EQ(answer->refresh_token, "r1");
  EXPECT_EQ(answer->expires_in, std::chrono::seconds(3600));
  EXPECT_EQ(answer->scope, "x y");
  const auto least = parse_token_answer(200, R"({"access_token":"a1","token_type":"Bearer"})");
  EXPECT_TRUE(least && !least->refresh_token && !least->expires_in && !least->scope);
}

TEST(TokenEndpoint, ALifetimeMayBeWrittenInSeveralWays) {
  const auto seconds = [](std::string_view written) {
    const auto answer = parse_token_answer(
        200, fmt::format(R"({{"access_token":"a1","token_type":"Bearer","expires_in":{}}})", written));
    return answer ? answer->expires_in.value_or(std::chrono::seconds(-1)).count() : -2;
  };
  EXPECT_EQ(seconds("60"), 60);
  EXPECT_EQ(seconds("\"60\""), 60);
  EXPECT_EQ(seconds("60.9"), 60);
  EXPECT_EQ(seconds("0"), 0);
  EXPECT_EQ(seconds("null"), -1);
  EXPECT_GT(seconds("18446744073709551615"), 1'000'000'000);
  for (const char* wrong : {"-1", "\"soon\"", "\"60s\"", "true", "[]", "1e300"})
    EXPECT_EQ(seconds(wrong), -2) << wrong;
}

TEST(TokenEndpoint, WhatIsNoBearerTokenIsRefused) {
  for (const char* body :
       {"", "[]", "{}", "no JSON", R"({"access_token":"","token_type":"Bearer"})", R"({"access_token":"a"})",
        R"({"access_token":"a","token_type":"mac"})", R"({"access_token":"a b","token_type":"Bearer"})",
        R"({"access_token":"a\r\nX: y","token_type":"Bearer"})",
        R"({"access_token":1,"token_type":"Bearer"})",
        R"({"access_token":"a","access_token":"b","token_type":"Bearer"})",
        R"({"access_token":"a","token_type":"Bearer","refresh_token":7})",
        R"({"access_token":"a","token_type":"Bearer","refresh_token":"\u0000"})"})
    EXPECT_EQ(code_of(200, body), "bad_token_answer") << body;
}

TEST(TokenEndpoint, ARefusalIsToldByItsCodeAndNothingElseOfIt) {
  const auto refusal =
      parse_token_answer(400, R"({"error":"invalid_grant","error_description":"r1 is not known"})");
  EXPECT_EQ(refusal.error().kind(), ErrorKind::unauthorized);
  EXPECT_EQ(refusal.error().code(), "invalid_grant");
  EXPECT_EQ(refusal.error().message(), "the token endpoint answered invalid_grant");
  EXPECT_EQ(code_of(200, R"({"error":"bad_refresh_token"})"), "bad_refresh_token");
  EXPECT_EQ(code_of(400, R"({"error":"r1"})"), "status_400");
  EXPECT_EQ(code_of(404, "<h1>Not here</h1>"), "status_404");
  for (const auto& [status, body] : {std::pair(503, R"({"error":"invalid_grant"})"),
                                     std::pair(400, R"({"error":"temporarily_unavailable"})"),
                                     std::pair(429, R"({"error":"slow_down"})"), std::pair(302, "")})
    EXPECT_EQ(parse_token_answer(status, body).error().kind(), ErrorKind::upstream_error) << status;
}

TEST(TokenEndpoint, AClientSaysWhoItIsAsItWasToldTo) {
  const FormFields fields{{"grant_type", "refresh_token"}, {"refresh_token", "a+b&c"}, {"scope", ""}};
  const auto as = [&](const char* method) {
    return token_request("/token", {"", "id:1", "se cret", method}, fields);
  };
  EXPECT_EQ(as("none").body, "grant_type=refresh_token&refresh_token=a%2Bb%26c&client_id=id%3A1");
  EXPECT_EQ(as("client_secret_post").body,
            "grant_type=refresh_token&refresh_token=a%2Bb%26c&client_id=id%3A1&client_secret=se%20cret");
  EXPECT_EQ(as("client_secret_basic").body, "grant_type=refresh_token&refresh_token=a%2Bb%26c");
  EXPECT_EQ(as("client_secret_basic").headers.get("Authorization"), "Basic aWQlM0ExOnNlJTIwY3JldA==");
  EXPECT_FALSE(as("none").headers.has("Authorization"));
}

}  // namespace
}  // namespace isa::sdk::mcp
