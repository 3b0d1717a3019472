// What the conformance suite (tests/mcp) does not look at: how its parts are read.
#include "sdk/mcp/authorization.h"

#include <gtest/gtest.h>

namespace isa::sdk::mcp {
namespace {

TEST(Authorization, AChallengeIsReadHoweverItIsWritten) {
  const auto fields = parse_challenge(
      R"(Basic realm="x", Bearer  error=insufficient_scope,scope="a \"b\" c", resource_metadata="https://a.example/p?q=1,2")");
  EXPECT_EQ(fields.at("error"), "insufficient_scope");
  EXPECT_EQ(fields.at("scope"), "a \"b\" c");
  EXPECT_EQ(fields.at("resource_metadata"), "https://a.example/p?q=1,2");
  for (const char* text : {"", "Basic x", "Bearer", "Bearer =", "Bearer a", "Bearer a=\"", "Bearer a=\"\\"})
    EXPECT_LE(parse_challenge(text).size(), 1u) << text;
}

TEST(Authorization, OnlyTlsAndThisMachineAreAsked) {
  EXPECT_TRUE(parse_web_url("https://a.example/x?y=1#z"));
  EXPECT_EQ(parse_web_url("https://a.example/x?y=1#z")->target(), "/x?y=1");
  EXPECT_EQ(parse_web_url("https://a.example")->target(), "/");
  EXPECT_TRUE(parse_web_url("http://127.0.0.1:3000/callback"));
  for (const char* text : {"http://a.example/", "http://127.0.0.1.a.example/", "file:///etc/passwd",
                           "unix:/x", "", "https://u:p@a.example/"})
    EXPECT_FALSE(parse_web_url(text)) << text;
}

TEST(Authorization, WhatComesBackIsDecoded) {
  const auto fields = parse_query("code=a%20b+c&state=&iss=https%3A%2F%2Fa.example&flag");
  EXPECT_EQ(fields.at("code"), "a b c");
  EXPECT_EQ(fields.at("state"), "");
  EXPECT_EQ(fields.at("iss"), "https://a.example");
  EXPECT_EQ(fields.at("flag"), "");
}

}  // namespace
}  // namespace isa::sdk::mcp
