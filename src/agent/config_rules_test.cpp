#include "agent/config_rules.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using store::AgentConfig;
using store::Mode;

Identity member_of(std::initializer_list<const char*> orgs) {
  Identity who{.user = UserId("ann")};
  for (const auto* org : orgs) who.orgs.push_back({OrgId(org), "member"});
  return who;
}

store::AgentTemplate researcher() {
  store::AgentTemplate item;
  item.id = TemplateId("researcher");
  item.name = "Web Researcher";
  item.system_prompt = "You are a research-focused assistant.";
  item.tools = {"web_search", "read_file"};
  item.skills = {"web"};
  return item;
}

Result<AgentConfig> create(std::string_view text, const store::AgentTemplate* from = nullptr,
                           const Identity& who = member_of({})) {
  ISA_TRY(const auto body, json::parse_as<CreateAgent>(text));
  return create_config(AgentId::make(), body, from, who, "builtin/demo", from_millis(1000));
}

std::string refusal(std::string_view text) {
  const auto config = create(text);
  return config ? "accepted" : config.error().message();
}

Result<AgentConfig> patch(const AgentConfig& current, std::string_view text,
                          const Identity& who = member_of({})) {
  ISA_TRY(const auto body, json::parse_as<AgentFields>(text));
  return patch_config(current, body, who, "builtin/demo", from_millis(2000));
}

TEST(ConfigRules, ABasicAgentHasTheDesignsDefaults) {
  const auto config = create(R"({"name":"a"})").value();

  EXPECT_EQ(config.model_id, "builtin/demo");
  EXPECT_EQ(config.mode, Mode::REACTIVE);
  EXPECT_EQ(config.env, store::ExecutionEnv::cloud_pool);
  EXPECT_EQ(config.source, store::AgentSource::basic);
  EXPECT_EQ(config.limits.max_turns, 50);
  EXPECT_EQ(config.version, 1);
  EXPECT_TRUE(config.id.value().starts_with("agent_"));
}

TEST(ConfigRules, AnAgentThatAsksAsksAboutRiskyCallsUnlessItsMakerSaysOtherwise) {
  const auto asks = create(R"({"name":"a","mode":"COLLABORATIVE"})").value();
  ASSERT_EQ(asks.approvals.size(), 2U);
  EXPECT_EQ(asks.approvals[0].match, "bash_execute");
  EXPECT_TRUE(create(R"({"name":"a","mode":"COLLABORATIVE","approvals":[]})").value().approvals.empty());
  EXPECT_TRUE(create(R"({"name":"a"})").value().approvals.empty());
}

TEST(ConfigRules, AnAgentThatIsMadeToAskAsksAboutRiskyCallsToo) {
  const auto quiet = create(R"({"name":"a"})").value();
  EXPECT_EQ(patch(quiet, R"({"mode":"COLLABORATIVE"})")->approvals.size(), 2U);
  EXPECT_TRUE(patch(quiet, R"({"mode":"COLLABORATIVE","approvals":[]})")->approvals.empty());
  const auto chosen = create(R"({"name":"a","mode":"COLLABORATIVE","approvals":[]})").value();
  EXPECT_TRUE(patch(chosen, R"({"name":"b","mode":"COLLABORATIVE"})")->approvals.empty());
}

TEST(ConfigRules, ATemplateGivesWhatTheBodyDoesNotName) {
  const auto from = researcher();
  const auto config =
      create(R"({"name":"Mine","template_id":"researcher","source":"template"})", &from).value();

  EXPECT_EQ(config.name, "Mine");
  EXPECT_EQ(config.mode, Mode::COLLABORATIVE);
  EXPECT_EQ(config.system_prompt, from.system_prompt);
  EXPECT_EQ(config.tools, from.tools);
  EXPECT_EQ(config.skills, from.skills);
  EXPECT_EQ(config.template_id, from.id);
}

TEST(ConfigRules, APresentFieldBeatsTheTemplateEvenWithTheDefaultsValue) {
  const auto from = researcher();
  const auto config =
      create(R"({"template_id":"researcher","mode":"REACTIVE","tools":[],"system_prompt":null})", &from)
          .value();

  EXPECT_EQ(config.mode, Mode::REACTIVE);
  EXPECT_TRUE(config.tools.empty());
  EXPECT_EQ(config.system_prompt, "");
  EXPECT_EQ(config.name, "Web Researcher");
}

TEST(ConfigRules, SourceAndTemplateIdMustAgree) {
  const auto wanted = [](std::string_view text) {
    return wanted_template(json::parse_as<CreateAgent>(text).value());
  };

  EXPECT_EQ(wanted(R"({"template_id":"t"})").value(), TemplateId("t"));
  EXPECT_EQ(wanted(R"({"template_id":"t","source":"template"})").value(), TemplateId("t"));
  EXPECT_EQ(wanted(R"({"source":"basic"})").value(), std::nullopt);
  EXPECT_EQ(wanted(R"({"source":"template"})").error().param(), "/template_id");
  EXPECT_EQ(wanted(R"({"source":"basic","template_id":"t"})").error().param(), "/template_id");
  EXPECT_EQ(wanted(R"({"source":"generated"})").error().param(), "/source");
}

TEST(ConfigRules, RefusalsNameThePointer) {
  EXPECT_EQ(refusal(R"({})"), "/name: this field is required");
  EXPECT_EQ(refusal(R"({"name":null})"), "/name: this field is required and cannot be cleared");
  EXPECT_EQ(refusal(R"({"name":""})"), "/name: must have 1 to 120 characters");
  EXPECT_EQ(refusal(R"({"name":"a","colour":1})"), "/colour: unknown field");
  EXPECT_EQ(refusal(R"({"name":"a","tools":["read_file","fly"]})"), "/tools/1: unknown tool 'fly'");
  EXPECT_EQ(refusal(R"({"name":"a","limits":{"max_turns":0}})"),
            "/limits/max_turns: must be from 1 to 10000");
  EXPECT_EQ(
      refusal(R"({"name":"a","egress":["127.0.0.1"]})"),
      "/egress/0: '127.0.0.1' is no rule: '127.0.0.1' is no name of a host: an IP address is not allowed, "
      "write a name; write api.example.com, *.example.com or one of them with :port");
  EXPECT_EQ(refusal(R"({"name":"a","skills":["../x"]})"),
            "/skills/0: a skill's name is 1 to 64 lower-case letters, digits and single hyphens within, not "
            "'../x'");
  EXPECT_EQ(refusal(R"({"name":"a","mcp_servers":{"s":{"command":"x","url":"y"}}})"),
            "/mcp_servers/s: expected either 'command' or 'url'");
  EXPECT_TRUE(refusal(R"({"name":"a","mcp_servers":{"s":{"url":"https://10.0.0.1/"}}})")
                  .starts_with("/mcp_servers/s/url: '10.0.0.1' is no name of a host"));
  std::string many;
  for (int i = 0; i < 17; ++i) many += fmt::format(R"({}"s{}":{{"command":"x"}})", i == 0 ? "" : ",", i);
  EXPECT_EQ(refusal(fmt::format(R"({{"name":"a","mcp_servers":{{{}}}}})", many)),
            "/mcp_servers: at most 16 entries");
  EXPECT_EQ(refusal(R"({"name":"a","visibility":"org"})"),
            "/org_id: visibility 'org' needs the id of an organization that you belong to");
  EXPECT_EQ(refusal(R"({"name":"a","mode":"fast"})"),
            "/mode: 'fast' is not one of REACTIVE, COLLABORATIVE, PROACTIVE");
}

TEST(ConfigRules, LengthsCountCharactersNotBytes) {
  std::string name;
  for (int i = 0; i < 120; ++i) name += "é";

  EXPECT_EQ(refusal(R"({"name":")" + name + R"("})"), "accepted");
  EXPECT_EQ(refusal(R"({"name":")" + name + R"(e"})"),
            "/name: must have at most 120 characters; this has 121");
  EXPECT_EQ(refusal(R"({"name":"a","system_prompt":")" + std::string(100'001, 'x') + R"("})"),
            "/system_prompt: must have at most 100000 characters; this has 100001");
}

TEST(ConfigRules, AnMcpPatternIsAToolOfAServerThatTheAgentHas) {
  EXPECT_EQ(refusal(R"({"name":"a","tools":["mcp:github/*","mcp:github/create_issue"],
                        "mcp_servers":{"github":{"command":"x"}}})"),
            "accepted");
  EXPECT_EQ(refusal(R"({"name":"a","tools":["mcp:none/*"]})"),
            "/tools/0: 'mcp:none/*' is of no server in mcp_servers, which has none");
  EXPECT_EQ(refusal(R"({"name":"a","tools":["read_file","mcp:git/x"],
                        "mcp_servers":{"github":{"command":"x"},"fs":{"command":"x"}}})"),
            "/tools/1: 'mcp:git/x' is of no server in mcp_servers, which has github, fs");
  EXPECT_EQ(refusal(R"({"name":"a","tools":["mcp:github"]})"), "/tools/0: unknown tool 'mcp:github'");
}

std::string refused_rule(std::string_view match, std::string_view more = "") {
  return refusal(fmt::format(R"({{"name":"a","approvals":[{{"match":"{}"}}]{}}})", match, more));
}

TEST(ConfigRules, ARuleThatCanMatchNoCallIsATypoThatAsksNobody) {
  constexpr auto* kServers = R"(,"mcp_servers":{"files":{"command":"x"}})";
  for (const auto* match : {"bash_execute", "bash_execute(git *)", "write_*", "*", "*_file(docs/*)",
                            "use_skill", "ask_human", "create_plan", "mcp_read_resource", "handoff", "mcp:*"})
    EXPECT_EQ(refused_rule(match), "accepted") << match;
  for (const auto* match : {"mcp:files/*", "mcp:files/write_file(/etc/*)", "mcp:*/write_file", "mcp:f*",
                            "mcp*", "*/write_file", "mcp:*"})
    EXPECT_EQ(refused_rule(match, kServers), "accepted") << match;
  for (const auto* match :
       {"nonexistent_tool", "bash", "Bash_execute", "bash_execute_*", "mcp__files__write"})
    EXPECT_NE(refused_rule(match, kServers).find("can match no call: there is no tool"), std::string::npos)
        << match;
  for (const auto* match : {"mcp:file/*", "mcp:files", "mcp:files/", "mcp:fi/write_file", "mcp:g*/x"})
    EXPECT_NE(refused_rule(match, kServers).find("is of no server in mcp_servers, which has files"),
              std::string::npos)
        << match;
  EXPECT_EQ(
      refused_rule("nonexistent_tool(x)"),
      "/approvals/0/match: 'nonexistent_tool(x)' can match no call: there is no tool 'nonexistent_tool'");
  // A program of one's own has tools of its own.
  EXPECT_EQ(refused_rule("nonexistent_tool", R"(,"env":"deployment")"), "accepted");
}

TEST(ConfigRules, AServerDoesNotGoBeforeWhatNamesIt) {
  const auto before = create(R"({"name":"a","tools":["mcp:files/*"],"mcp_servers":{"files":{"command":"x"}},
                                 "approvals":[{"match":"mcp:files/*"}]})")
                          .value();
  EXPECT_EQ(patch(before, R"({"mcp_servers":{}})").error().param(), "/tools/0");
  EXPECT_EQ(patch(before, R"({"mcp_servers":{},"tools":[]})").error().param(), "/approvals/0/match");
  EXPECT_TRUE(patch(before, R"({"mcp_servers":{},"tools":[],"approvals":[]})"));
  auto old = before;  // From before this rule.
  old.mcp_servers.clear();
  EXPECT_TRUE(patch(old, R"({"name":"b"})"));
}

TEST(ConfigRules, AnIdInTheMetadataIsAString) {
  EXPECT_EQ(refusal(R"({"name":"a","metadata":{"multi_agent_id":5}})"),
            "/metadata/multi_agent_id: expected an id, a string");
  EXPECT_EQ(refusal(R"({"name":"a","metadata":{"deployment_id":null}})"),
            "/metadata/deployment_id: expected an id, a string");
  EXPECT_EQ(refusal(R"({"name":"a","metadata":{"mine":5}})"), "accepted");
}

TEST(ConfigRules, AnOrgIsKeptOnlyWhenItIsSharedWithOneOfTheCallers) {
  const auto who = member_of({"acme"});

  EXPECT_EQ(create(R"({"name":"a","visibility":"org","org_id":"acme"})", nullptr, who)->org_id,
            OrgId("acme"));
  EXPECT_EQ(create(R"({"name":"a","visibility":"org"})", nullptr, who)->org_id, OrgId("acme"));
  EXPECT_EQ(create(R"({"name":"a","org_id":"acme"})", nullptr, who)->org_id, std::nullopt);
  EXPECT_EQ(create(R"({"name":"a","visibility":"org","org_id":"other"})", nullptr, who).error().param(),
            "/org_id");
}

TEST(ConfigRules, APatchChangesWhatItNamesAndClearsWhatIsNull) {
  const auto before =
      create(R"({"name":"a","description":"d","system_prompt":"p","mode":"PROACTIVE"})").value();
  const auto after = patch(before, R"({"description":null,"system_prompt":"q"})").value();

  EXPECT_EQ(after.name, "a");
  EXPECT_EQ(after.description, "");
  EXPECT_EQ(after.system_prompt, "q");
  EXPECT_EQ(after.mode, Mode::PROACTIVE);
  EXPECT_EQ(after.version, 2);
  EXPECT_EQ(after.updated_at, from_millis(2000));
  EXPECT_EQ(patch(before, R"({"name":null})").error().param(), "/name");
  EXPECT_EQ(patch(before, R"({"id":"x"})").error().message(), "/id: unknown field");
}

TEST(ConfigRules, APatchThatMakesAnAgentPrivateDropsItsOrg) {
  const auto who = member_of({"acme"});
  const auto shared = create(R"({"name":"a","visibility":"org"})", nullptr, who).value();

  EXPECT_EQ(patch(shared, R"({"visibility":"private"})", who)->org_id, std::nullopt);
  EXPECT_EQ(patch(shared, R"({"name":"b"})", who)->org_id, OrgId("acme"));
}

TEST(ConfigRules, ARollbackIsANewVersionWithTheOldContent) {
  const auto first = create(R"({"name":"a"})").value();
  const auto second = patch(first, R"({"name":"b"})").value();
  const auto third = rolled_back(second, first, Identity{}, from_millis(3000)).value();

  EXPECT_EQ(third.name, "a");
  EXPECT_EQ(third.version, 3);
  EXPECT_EQ(third.created_at, first.created_at);
}

}  // namespace
}  // namespace isa::agent
