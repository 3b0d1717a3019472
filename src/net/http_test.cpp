#include "net/http.h"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace isa::net {
namespace {

TEST(Headers, AreFoundWithoutRegardToCase) {
  Headers headers;
  headers.add("X-A", "1");
  headers.add("x-a", "2");
  EXPECT_EQ(headers.get("X-a"), "1");
  headers.set("X-A", "3");
  EXPECT_EQ(headers.all().size(), 1U);
  EXPECT_EQ(headers.get("x-A"), "3");
  headers.remove("x-a");
  EXPECT_FALSE(headers.has("X-A"));
  EXPECT_EQ(headers.get("X-A"), "");
}

TEST(Request, AcceptsByTheAcceptHeader) {
  Request request;
  EXPECT_TRUE(request.accepts("text/event-stream")) << "absence accepts everything";
  request.headers.set("Accept", "text/html, application/json;q=0.5");
  EXPECT_TRUE(request.accepts("application/json"));
  EXPECT_FALSE(request.accepts("text/event-stream"));
  request.headers.set("Accept", "text/*");
  EXPECT_TRUE(request.accepts("text/event-stream"));
  EXPECT_FALSE(request.accepts("application/json"));
  request.headers.set("Accept", "*/*");
  EXPECT_TRUE(request.accepts("text/event-stream"));
  request.headers.set("Accept", "text/event-stream;q=0");
  EXPECT_FALSE(request.accepts("text/event-stream"));
}

TEST(ErrorEnvelope, IsReadBackAsTheSameError) {
  const auto sent = validation_error("name must not be empty")
                        .with_param("/name")
                        .with_code("name_missing")
                        .with_detail("row 7");
  const auto response = error_response(sent, "req_1");
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(response.body.find("row 7"), std::string::npos) << "the detail is for the log only";
  const auto envelope = boost::json::parse(response.body).at("error").get_object();
  EXPECT_EQ(envelope.at("request_id").get_string(), "req_1");
  EXPECT_FALSE(envelope.at("retryable").get_bool());

  const auto back = error_of(response.status, response.body);
  EXPECT_EQ(back.kind(), ErrorKind::validation_error);
  EXPECT_EQ(back.message(), "name must not be empty");
  EXPECT_EQ(back.code(), "name_missing");
  EXPECT_EQ(back.param(), "/name");
}

TEST(ErrorEnvelope, KeepsApartKindsThatShareAStatus) {
  const Error quota(ErrorKind::quota_exceeded, "used up");
  const auto response = error_response(quota, "r");
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(error_of(429, response.body).kind(), ErrorKind::quota_exceeded);
}

TEST(ErrorEnvelope, CarriesRetryAfter) {
  const auto response =
      error_response(service_unavailable("full").with_retry_after(std::chrono::seconds(7)), "r");
  EXPECT_EQ(response.headers.get("Retry-After"), "7");
}

TEST(ErrorEnvelope, IsNotNeededToMakeAnErrorOfAStatus) {
  EXPECT_EQ(error_of(404, "<html>").kind(), ErrorKind::not_found);
  EXPECT_EQ(error_of(418, "").kind(), ErrorKind::invalid_request);
  EXPECT_EQ(error_of(520, "{}").kind(), ErrorKind::upstream_error);
}

}  // namespace
}  // namespace isa::net
