#include "net/endpoint.h"

#include "net/origin_check.h"

#include <gtest/gtest.h>

namespace isa::net {
namespace {

TEST(Endpoint, IsReadFromWhatAnOperatorWrites) {
  EXPECT_EQ(*Endpoint::parse_listen("127.0.0.1:8080"), Endpoint::tcp("127.0.0.1", 8080));
  EXPECT_EQ(*Endpoint::parse_listen(":8080"), Endpoint::tcp("0.0.0.0", 8080));
  EXPECT_EQ(*Endpoint::parse_listen("[::1]:0"), Endpoint::tcp("::1", 0));
  EXPECT_EQ(*Endpoint::parse_listen("unix:/run/isa.sock"), Endpoint::unix_socket("/run/isa.sock"));
}

TEST(Endpoint, RefusesWhatIsNone) {
  for (const char* text : {"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:80x",
                           "::1:80", "[::1", "[::1]80", "unix:"})
    EXPECT_FALSE(Endpoint::parse_listen(text)) << text;
}

TEST(Endpoint, SaysHowLongASocketPathMayBe) {
  const auto result = Endpoint::parse_listen("unix:/" + std::string(107, 'x'));
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message().find("107"), std::string::npos);
  EXPECT_TRUE(Endpoint::parse_listen("unix:/" + std::string(106, 'x')));
}

TEST(Endpoint, KnowsWhetherOthersCanReachIt) {
  for (const char* text : {"127.0.0.1:1", "127.8.8.8:1", "localhost:1", "[::1]:1", "unix:/x"})
    EXPECT_TRUE(Endpoint::parse_listen(text)->is_loopback()) << text;
  for (const char* text : {"0.0.0.0:1", "10.0.0.1:1", "[::]:1", "127.evil.example:1"})
    EXPECT_FALSE(Endpoint::parse_listen(text)->is_loopback()) << text;
}

TEST(Url, IsCutIntoEndpointAndPrefix) {
  const auto plain = Url::parse("http://127.0.0.1:8082/v1/");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->endpoint, Endpoint::tcp("127.0.0.1", 8082));
  EXPECT_EQ(plain->prefix, "/v1");
  const auto secure = Url::parse("https://api.example.com");
  ASSERT_TRUE(secure);
  EXPECT_EQ(secure->endpoint.port, 443);
  EXPECT_TRUE(secure->endpoint.tls);
  EXPECT_EQ(secure->prefix, "");
  const auto local = Url::parse("unix:/run/isa/broker.sock:/v1");
  ASSERT_TRUE(local);
  EXPECT_EQ(local->endpoint, Endpoint::unix_socket("/run/isa/broker.sock"));
  EXPECT_EQ(local->prefix, "/v1");
}

TEST(Url, RefusesWhatIsNone) {
  for (const char* text : {"", "127.0.0.1:80", "ftp://x", "http://", "http://user:pw@host", "http://host/?q",
                           "unix:", "unix:/x:v1", "http://host:0x1"})
    EXPECT_FALSE(Url::parse(text)) << text;
}

TEST(OriginCheck, KnowsTheNamesOfThisMachine) {
  for (const char* host : {"localhost", "LOCALHOST:3001", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:8080"})
    EXPECT_TRUE(names_this_machine(host)) << host;
  for (const char* host : {"", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.evil",
                           "[::1", "[::2]:80", "localhost:80@evil", "10.0.0.1"})
    EXPECT_FALSE(names_this_machine(host)) << host;
}

}  // namespace
}  // namespace isa::net
