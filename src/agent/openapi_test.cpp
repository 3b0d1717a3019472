// The contract, api/agent.openapi.yaml, against the routes that are served.
#include "agent/test_platform.h"
#include "agent/yaml.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using testing::Platform;
using testing::with_platform;

json::value document() {
  auto read = read_yaml(std::filesystem::path(ISA_SOURCE_DIR) / "api/agent.openapi.yaml");
  EXPECT_TRUE(read) << read.error().message();
  return read.value_or(json::value());
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

// "get /health", ...; with whether it needs no identity.
std::map<std::string, bool> described(const json::value& openapi) {
  std::map<std::string, bool> operations;
  for (const auto& path : openapi.at("paths").as_object())
    for (const auto& operation : path.value().as_object()) {
      if (operation.key() == "parameters") continue;
      const auto* security = operation.value().as_object().if_contains("security");
      const bool is_public = security && security->as_array().empty();
      operations[std::string(operation.key()) + " " + std::string(path.key())] = is_public;
    }
  return operations;
}

TEST(OpenApi, DescribesTheServedRoutesAndNoOthers) {
  with_platform([](Platform& p) -> Task<void> {
    std::map<std::string, bool> served;
    for (const auto& route : p.router.routes())
      served[lower(net::to_string(route.method)) + " " + route.pattern] = route.options.is_public;
    EXPECT_EQ(served, described(document()));
    co_return;
  });
}

void collect_refs(const json::value& from, std::set<std::string>& refs) {
  if (const auto* object = from.if_object()) {
    for (const auto& entry : *object) {
      if (entry.key() == "$ref") refs.insert(std::string(entry.value().as_string()));
      collect_refs(entry.value(), refs);
    }
  } else if (const auto* list = from.if_array()) {
    for (const auto& item : *list) collect_refs(item, refs);
  }
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
  const auto openapi = document();
  std::set<std::string> refs;
  collect_refs(openapi, refs);

  EXPECT_GT(refs.size(), 20u);
  for (const auto& ref : refs) {
    boost::system::error_code ec;
    EXPECT_TRUE(openapi.find_pointer(ref.substr(1), ec)) << ref;
  }
}

std::set<std::string> keys_of(const json::value& object) {
  std::set<std::string> keys;
  for (const auto& entry : object.as_object()) keys.insert(std::string(entry.key()));
  return keys;
}

// What a schema says an object holds: its keys, and those of them that must be there.
void expect_matches(const json::value& openapi, const std::string& schema, const json::value& answer) {
  const auto& described_as = openapi.at("components").at("schemas").at(schema);
  const auto allowed = keys_of(described_as.at("properties"));
  const auto held = keys_of(answer);
  for (const auto& key : held) EXPECT_TRUE(allowed.contains(key)) << schema << " does not describe " << key;
  for (const auto& key : described_as.at("required").as_array())
    EXPECT_TRUE(held.contains(std::string(key.as_string()))) << schema << " promises " << key.as_string();
}

TEST(OpenApi, RealAnswersHoldWhatTheirSchemasPromise) {
  with_platform([](Platform& p) -> Task<void> {
    const auto openapi = document();
    const auto agent = co_await p.post("/api/v1/agents/configs", R"({"name":"a","env":"cloud_shared"})");
    expect_matches(openapi, "Agent", agent);
    expect_matches(openapi, "AgentPage", co_await p.get("/api/v1/agents/configs"));
    expect_matches(openapi, "Template", co_await p.get("/api/v1/agents/templates/plain"));
    const auto answer =
        co_await p.post("/api/v1/agents/chat", R"({"message":"m","stream":false,"session_id":"s"})");
    expect_matches(openapi, "ChatAnswer", answer);
    expect_matches(openapi, "Session", co_await p.get("/api/v1/agents/sessions/s"));
    const auto messages = co_await p.get("/api/v1/agents/sessions/s/messages");
    expect_matches(openapi, "SessionMessage", messages.at("messages").as_array().at(0));
    const auto run = "/api/v1/agents/runs/" + std::string(answer.at("run_id").as_string());
    expect_matches(openapi, "Run", co_await p.get(run));
    testing::Call as_json{net::Method::get, run + "/events"};
    as_json.headers["Accept"] = "application/json";
    const auto events = co_await p.ask(as_json);
    expect_matches(openapi, "EventList", events);
    expect_matches(openapi, "Event", events.at("events").as_array().at(0));
    expect_matches(openapi, "QueryAnswer", co_await p.post("/query", R"({"prompt":"m"})"));
    expect_matches(openapi, "Health", co_await p.get("/health"));
    expect_matches(openapi, "Health", co_await p.get("/ready"));
    expect_matches(openapi, "Error", co_await p.get("/api/v1/agents/configs/nope"));
  });
}

}  // namespace
}  // namespace isa::agent
