#include "sdk/mcp/server_spec.h"

#include "sdk/mcp/param_headers.h"

#include <gtest/gtest.h>

namespace isa::sdk::mcp {
namespace {

std::string refusal(std::string_view text) {
  const auto spec = json::parse_as<ServerSpec>(text);
  if (!spec) return spec.error().message();
  const auto checked = check_server("/mcp_servers/s", *spec);
  return checked ? "accepted" : checked.error().message();
}

TEST(ServerSpec, ProgramsAndAddressesAreAccepted) {
  EXPECT_EQ(refusal(R"({"command":"npx","args":["-y","x"],"env":{"A":"b"}})"), "accepted");
  EXPECT_EQ(refusal(R"({"url":"https://mcp.example.com/mcp?x=1","headers_secret":"example"})"), "accepted");
  EXPECT_EQ(refusal(R"({"url":"http://mcp.example.com:8080"})"), "accepted");
}

TEST(ServerSpec, WhatCannotWorkIsRefusedWhereItStands) {
  EXPECT_EQ(refusal("{}"), "/mcp_servers/s: expected either 'command' or 'url'");
  EXPECT_EQ(refusal(R"({"command":""})"), "/mcp_servers/s/command: the command is empty");
  EXPECT_EQ(refusal(R"({"command":"a\u0000b"})"), "/mcp_servers/s/command: it holds a zero byte");
  EXPECT_EQ(refusal(R"({"command":"a","env":{"LD_PRELOAD":"x"}})"),
            "/mcp_servers/s/env/LD_PRELOAD: variables of the dynamic linker cannot be set");
  EXPECT_EQ(refusal(R"({"command":"a","env":{"1A":"x"}})"),
            "/mcp_servers/s/env/1A: is no name of an environment variable");
  EXPECT_EQ(refusal(R"({"command":"a","headers_secret":"x"})"),
            "/mcp_servers/s: 'headers_secret' goes with 'url'");
  EXPECT_EQ(refusal(R"({"url":"http://a.example","headers_secret":"x"})"),
            "/mcp_servers/s/url: a server with a secret needs https://");
  for (const char* url : {"a.example", "ftp://a.example", "https://127.0.0.1/", "https://localhost/",
                          "https://", "https://u:p@a.example/", "https://a.example/#f",
                          "https://a.example/ b", "https://a.example:0/", "https://a.example\\r\\nX: y/"})
    EXPECT_NE(refusal(fmt::format(R"({{"url":"{}"}})", url)), "accepted") << url;
}

TEST(ServerUrl, ItsPartsAreThoseOfARequest) {
  const auto url = parse_server_url("https://MCP.example.com?x=1");
  EXPECT_EQ(url->origin(), "https://mcp.example.com");
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(url->target, "/?x=1");
  EXPECT_EQ(parse_server_url("http://a.example:8080/mcp")->origin(), "http://a.example:8080");
}

json::object schema(std::string_view properties) {
  return json::parse(fmt::format(R"({{"type":"object","properties":{}}})", properties))->as_object();
}

TEST(ParamHeaders, AnnotatedParametersAreMirrored) {
  const auto headers = param_headers(schema(R"({
      "region":{"type":"string","x-mcp-header":"Region"},"n":{"type":"integer","x-mcp-header":"N"},
      "b":{"type":"boolean","x-mcp-header":"B"},"plain":{"type":"string"},
      "in":{"type":"object","properties":{"deep":{"type":"string","x-mcp-header":"Deep"}}}})"));
  ASSERT_TRUE(headers);
  const auto fields = header_fields(
      *headers,
      {{"region", " h\xC3\xA9 "}, {"n", 42}, {"b", nullptr}, {"plain", "p"}, {"in", {{"deep", "d"}}}});
  const HeaderFields expected = {
      {"Mcp-Param-Region", "=?base64?IGjDqSA=?="}, {"Mcp-Param-N", "42"}, {"Mcp-Param-Deep", "d"}};
  EXPECT_EQ(fields, expected);
}

TEST(ParamHeaders, MalformedAnnotationsAreRefused) {
  for (const char* properties :
       {R"({"a":{"type":"string","x-mcp-header":""}})", R"({"a":{"type":"string","x-mcp-header":1}})",
        R"({"a":{"type":"number","x-mcp-header":"A"}})", R"({"a":{"type":"object","x-mcp-header":"A"}})",
        R"({"a":{"x-mcp-header":"A"}})", R"({"a":{"type":"string","x-mcp-header":"A B"}})",
        R"({"a":{"type":"string","x-mcp-header":"A:B"}})",
        R"({"a":{"type":"string","x-mcp-header":"A\r\nB"}})",
        R"({"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}})"})
    EXPECT_FALSE(param_headers(schema(properties))) << properties;
}

TEST(ParamHeaders, AHeaderCannotEndALine) {
  EXPECT_EQ(header_value("us west"), "us west");
  EXPECT_EQ(header_value(""), "");
  EXPECT_EQ(header_value("a\r\nX: y"), "=?base64?YQ0KWDogeQ==?=");
  EXPECT_EQ(header_value("=?base64?YQ==?="),
            "=?base64?PT9iYXNlNjQ/WVE9PT89?=");  // Not taken for an encoded one.
}

}  // namespace
}  // namespace isa::sdk::mcp
