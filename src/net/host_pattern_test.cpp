#include "net/host_pattern.h"

#include <gtest/gtest.h>

namespace isa::net {
namespace {

TEST(HostPattern, ANameIsComparedInLowerCaseWithoutItsLastDot) {
  EXPECT_EQ(normal_host("API.Example.COM.").value(), "api.example.com");
  EXPECT_EQ(normal_host("xn--bcher-kva.example").value(), "xn--bcher-kva.example");
  EXPECT_EQ(normal_host("a_b.example").value(), "a_b.example");
}

TEST(HostPattern, AnAddressIsNoNameInAnySpelling) {
  for (const char* text : {"127.0.0.1", "0x7f.1", "0x7f000001", "2130706433", "127.1", "017700000001",
                           "[::1]", "::1", "[::ffff:127.0.0.1]", "1.2.3.4.", "0xA9FEA9FE", "169.254.169.254",
                           "127.0.0.0x1", "x.0x1", "fe80::1%eth0"})
    EXPECT_FALSE(normal_host(text).has_value()) << text;
}

TEST(HostPattern, WhatIsNoNameIsRefused) {
  const std::string long_label(64, 'a');
  const std::string nul("a\0b.example", 11);
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".a.example"), std::string("a..example"),
        std::string("a.example.."), std::string("localhost"), std::string("a b.example"),
        std::string("a/b.c"), std::string("-a.example"), std::string("a-.example"),
        std::string("user@a.example"),
        std::string("b\xc3\xbc"
                    "cher.example"),
        long_label + ".example", std::string("*.example.com"), nul, std::string("a.example\r\n")})
    EXPECT_FALSE(normal_host(text).has_value()) << text;
}

TEST(HostPattern, AWildcardIsEveryNameBelowAndNotTheNameItself) {
  const auto rule = HostPattern::parse("*.Example.com").value();
  EXPECT_TRUE(rule.matches("a.example.com"));
  EXPECT_TRUE(rule.matches("a.b.example.com"));
  EXPECT_FALSE(rule.matches("example.com"));
  EXPECT_FALSE(rule.matches("badexample.com"));
  EXPECT_FALSE(rule.matches(".example.com"));
  EXPECT_FALSE(rule.matches("example.com.evil.org"));
}

TEST(HostPattern, ARuleMayNameAPort) {
  const auto rule = HostPattern::parse("api.example.com:8443").value();
  EXPECT_EQ(rule.port, 8443);
  EXPECT_EQ(rule.to_string(), "api.example.com:8443");
  EXPECT_EQ(HostPattern::parse("*.example.com").value().to_string(), "*.example.com");
}

TEST(HostPattern, ABadRuleIsRefusedWithItsReason) {
  for (const char* text : {"*", "*.com", "*.*.com", "a.*.com", "https://a.example", "a.example:0",
                           "a.example:65536", "a.example:", "a.example:443/x", "10.0.0.0/8", "127.0.0.1"})
    EXPECT_FALSE(HostPattern::parse(text).has_value()) << text;
  EXPECT_NE(HostPattern::parse("127.0.0.1").error().message().find("an IP address is not allowed"),
            std::string::npos);
}

}  // namespace
}  // namespace isa::net
