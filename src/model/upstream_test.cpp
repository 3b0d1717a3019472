#include "model/upstream.h"

#include "model/replay_test_support.h"

namespace isa::model {
namespace {

using std::chrono::milliseconds;

std::optional<milliseconds> wait_for(int status, std::vector<std::pair<std::string, std::string>> fields = {},
                                     int attempt = 0, double jitter = 0) {
  net::Headers headers;
  for (auto& [name, value] : fields) headers.set(name, value);
  const auto at = parse_rfc3339("2026-11-22T10:00:00.000Z").value();
  return retry_wait(status, headers, false, attempt, jitter, at);
}

TEST(RetryWait, RetriesWhatMayPass) {
  for (const int status : {408, 409, 429, 500, 502, 503, 529}) EXPECT_TRUE(wait_for(status)) << status;
  for (const int status : {400, 401, 403, 404, 413, 422}) EXPECT_FALSE(wait_for(status)) << status;
}

TEST(RetryWait, TheProvidersAdviceWins) {
  EXPECT_TRUE(wait_for(400, {{"x-should-retry", "true"}}));
  EXPECT_FALSE(wait_for(503, {{"x-should-retry", "false"}}));
  EXPECT_FALSE(retry_wait(429, {}, true, 0, 0, now())) << "an empty quota does not fill by waiting";
}

TEST(RetryWait, WaitsAsLongAsItIsAskedWithinReason) {
  EXPECT_EQ(wait_for(429, {{"retry-after-ms", "250"}, {"retry-after", "9"}}), milliseconds(250));
  EXPECT_EQ(wait_for(429, {{"retry-after", "1.5"}}), milliseconds(1500));
  EXPECT_EQ(wait_for(429, {{"retry-after", "Sun, 22 Nov 2026 10:00:07 GMT"}}), milliseconds(7000));
  EXPECT_EQ(wait_for(429, {{"retry-after", "61"}}), milliseconds(500));
  EXPECT_EQ(wait_for(429, {{"retry-after", "-1"}}), milliseconds(500));
  EXPECT_EQ(wait_for(429, {{"retry-after", "soon"}}), milliseconds(500));
}

TEST(RetryWait, BacksOffFromHalfASecondToEightWithJitter) {
  EXPECT_EQ(wait_for(500, {}, 1), milliseconds(1000));
  EXPECT_EQ(wait_for(500, {}, 4), milliseconds(8000));
  EXPECT_EQ(wait_for(500, {}, 40), milliseconds(8000));
  EXPECT_EQ(wait_for(500, {}, 0, 0.8), milliseconds(400));
}

class UpstreamRetries : public ReplayTest {
 protected:
  static Scripted refusal(int status, std::string code = "x") {
    return {
        .status = status,
        .body = fmt::format(R"({{"error":{{"message":"no","type":"t","param":null,"code":"{}"}}}})", code),
        .content_type = "application/json",
        .headers = {{"retry-after-ms", "1"}}};
  }
};

TEST_F(UpstreamRetries, AnErrorThatPassesIsNotSeen) {
  upstream.script = {refusal(503), refusal(429, "rate_limit_exceeded"), {.body = recorded("openai_text")}};

  const auto result = chat(asking("gpt-4o", "hello"));

  EXPECT_TRUE(result) << result.error().message();
  EXPECT_EQ(upstream.requests.size(), 3u);
}

TEST_F(UpstreamRetries, AfterTwoMoreTriesTheErrorIsTheAnswer) {
  upstream.script = {refusal(500), refusal(500), refusal(500), {.body = recorded("openai_text")}};

  const auto result = chat(asking("gpt-4o", "hello"));

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::upstream_error);
  EXPECT_EQ(upstream.requests.size(), 3u);
}

TEST_F(UpstreamRetries, AnEmptyQuotaIsNotAskedAgain) {
  upstream.script = {refusal(429, "insufficient_quota")};

  const auto result = chat(asking("gpt-4o", "hello"));

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::quota_exceeded);
  EXPECT_EQ(upstream.requests.size(), 1u);
}

TEST_F(UpstreamRetries, ABadRequestIsTheCallersAndIsNotRepeated) {
  upstream.script = {refusal(400, "context_length_exceeded")};

  const auto result = chat(asking("gpt-4o", "hello"));

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::validation_error);
  EXPECT_EQ(result.error().code(), "context_length_exceeded");
  EXPECT_EQ(upstream.requests.size(), 1u);
}

TEST_F(UpstreamRetries, NothingIsRetriedPastTheDeadline) {
  upstream.script = {refusal(500)};
  upstream.script[0].headers = {{"retry-after", "50"}};

  const auto result = chat(asking("gpt-4o", "hello"));

  ASSERT_FALSE(result);
  EXPECT_EQ(upstream.requests.size(), 1u);
}

TEST_F(UpstreamRetries, NothingIsRetriedOnceTheAnswerBegan) {
  upstream.script = {{.body = recorded("openai_error_midstream")}, {.body = recorded("openai_text")}};

  EXPECT_FALSE(chat(asking("gpt-4o", "hello")));
  EXPECT_EQ(upstream.requests.size(), 1u);
}

TEST_F(UpstreamRetries, ARefusedKeyNamesTheSettingAndHidesTheProvidersWords) {
  upstream.script = {{.status = 401,
                      .body = R"({"error":{"message":"Incorrect API key provided: key-of-***form"}})",
                      .content_type = "application/json"}};

  const auto result = chat(asking("gpt-4o", "hello"));

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::failed_dependency);
  EXPECT_NE(result.error().message().find("ISA_MODEL_OPENAI_API_KEY"), std::string::npos);
  EXPECT_EQ(result.error().message().find("key-of"), std::string::npos);
}

}  // namespace
}  // namespace isa::model
