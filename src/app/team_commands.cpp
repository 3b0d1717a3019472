#include "app/team_commands.h"

#include "base/yaml/yaml.h"
#include "net/sse.h"
#include "sdk/event.h"

#include <cstdio>
#include <filesystem>

namespace isa::app {
namespace {

constexpr std::string_view kTeams = "/api/v1/agents/multi-specs";
// Beside agents and tasks in a manifest; the rest of it is the routing_spec.
constexpr std::string_view kOfTheRecord[] = {"name", "description", "visibility", "org_id"};

std::string text_of(const json::object& from, std::string_view key) {
  const auto* value = from.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

std::string path_of(const std::string& id) {
  return fmt::format("{}/{}", kTeams, net::percent_encode(id));
}

bool is_manifest(std::string_view team) {
  return team.ends_with(".yaml") || team.ends_with(".yml") || team.ends_with(".json");
}

Task<Result<json::array>> all_teams(ApiClient& api) {
  json::array teams;
  std::string cursor;
  do {
    auto path = fmt::format("{}?limit=200", kTeams);
    if (!cursor.empty()) path += "&cursor=" + net::percent_encode(cursor);
    ISA_CO_TRY(const auto page, co_await api.call(net::Method::get, path));
    for (const auto& team : page.at("multi_specs").as_array()) teams.push_back(team);
    cursor = text_of(page.as_object(), "next_cursor");
  } while (!cursor.empty());
  co_return teams;
}

// People name teams; the API wants ids.
Task<Result<std::string>> team_id(ApiClient& api, std::string team) {
  if (team.starts_with("multi_")) co_return team;
  ISA_CO_TRY(const auto teams, co_await all_teams(api));
  std::string found;
  for (const auto& item : teams) {
    if (text_of(item.as_object(), "name") != team) continue;
    if (!found.empty())
      co_return conflict("several teams are called '{}'; use the id, which `isa teams list` shows", team);
    found = text_of(item.as_object(), "id");
  }
  if (found.empty())
    co_return not_found(
        "there is no team '{}'; `isa teams list` shows yours, `isa teams create FILE.yaml` makes one", team);
  co_return found;
}

Result<json::object> read_manifest(const std::string& file) {
  auto document = read_yaml(file);
  if (!document)
    return validation_error("the manifest {} cannot be read: {}", file, document.error().message());
  if (!document->is_object())
    return validation_error("the manifest {} is no object with a name and agents", file);
  document->get_object().erase("message");  // `isa run` says that.
  return std::move(document->get_object());
}

Result<json::object> record_of(const std::string& file) {
  ISA_TRY(auto manifest, read_manifest(file));
  if (!manifest.contains("agents")) return manifest;
  json::object record;
  for (const auto name : kOfTheRecord) {
    auto* value = manifest.if_contains(name);
    if (!value) continue;
    record[name] = std::move(*value);
    manifest.erase(name);
  }
  if (!record.contains("name")) record["name"] = std::filesystem::path(file).stem().string();
  record["routing_spec"] = std::move(manifest);
  return record;
}

// The fields of a routing_spec alone, as the ad-hoc route takes them beside the prompt.
Result<json::object> spec_of(const std::string& file) {
  ISA_TRY(auto record, record_of(file));
  json::object spec;
  if (auto* inner = record.if_contains("routing_spec"); inner && inner->is_object())
    spec = std::move(inner->get_object());
  for (const auto* name : {"entry_agent_id", "routing_type", "execution_mode"})
    if (auto* value = record.if_contains(name)) spec[name] = std::move(*value);
  return spec;
}

// What the team does to stderr, its answer to stdout.
Result<void> print(const sdk::Event& event) {
  const auto name = text_of(event.metadata, "event");
  if (event.type == sdk::EventType::system && (name.starts_with("swarm_") || name == "dag_start"))
    std::fprintf(stderr, "%s\n", event.content.value_or("").c_str());
  if (event.type == sdk::EventType::system && name == "dag_task") {
    const auto reason = text_of(event.metadata, "reason");
    std::fprintf(stderr, "%s: %s%s\n", text_of(event.metadata, "task_id").c_str(),
                 text_of(event.metadata, "state").c_str(), reason.empty() ? "" : (" - " + reason).c_str());
  }
  if (event.type == sdk::EventType::hil_request)
    std::fprintf(stderr, "? %s: %s\n  isa approvals approve|deny %s\n",
                 text_of(event.metadata, "agent").c_str(), event.content.value_or("").c_str(),
                 text_of(event.metadata, "request_id").c_str());
  if (event.type == sdk::EventType::error)
    return upstream_error("the run ended with an error: {}", event.content.value_or("unknown"));
  if (event.type != sdk::EventType::result) return ok();
  std::printf("%s\n", event.content.value_or("").c_str());
  const auto subtype = text_of(event.metadata, "subtype");
  if (subtype != "success") return upstream_error("the team stopped before it finished: {}", subtype);
  return ok();
}

Task<Result<void>> follow(net::SseReader events, bool as_json) {
  Result<void> outcome = ok();
  for (;;) {
    ISA_CO_TRY(const auto event, co_await events.next());
    if (!event)
      co_return upstream_error("the connection ended before the answer did; the run goes on without us");
    if (event->data == "[DONE]") co_return outcome;
    if (as_json) {
      std::printf("%s\n", event->data.c_str());
      std::fflush(stdout);
      continue;
    }
    ISA_CO_TRY(const auto parsed, sdk::event_from_wire(event->data));
    if (auto printed = print(parsed); !printed) outcome = std::move(printed);
  }
}

}  // namespace

Task<Result<void>> list_teams(ApiClient& api, bool as_json) {
  ISA_CO_TRY(const auto teams, co_await all_teams(api));
  if (as_json) {
    std::printf("%s\n", json::serialize(teams).c_str());
    co_return ok();
  }
  if (teams.empty()) {
    std::printf("No teams yet. Make one: isa teams create FILE.yaml\n");
    co_return ok();
  }
  std::printf("%-32s  %-24s  %-7s  %s\n", "ID", "NAME", "AGENTS", "TASKS");
  for (const auto& item : teams) {
    const auto& team = item.as_object();
    const auto& spec = team.at("routing_spec").as_object();
    const auto count = [&](const char* key) {
      const auto* list = spec.if_contains(key);
      return list && list->is_array() ? list->get_array().size() : 0;
    };
    std::printf("%-32s  %-24s  %-7zu  %zu\n", text_of(team, "id").c_str(), text_of(team, "name").c_str(),
                count("agents"), count("tasks") + count("dag"));
  }
  co_return ok();
}

Task<Result<void>> show_team(ApiClient& api, std::string team) {
  ISA_CO_TRY(const auto id, co_await team_id(api, std::move(team)));
  ISA_CO_TRY(const auto found, co_await api.call(net::Method::get, path_of(id)));
  std::printf("%s\n", json::serialize(found).c_str());
  co_return ok();
}

Task<Result<void>> create_team(ApiClient& api, std::string manifest) {
  ISA_CO_TRY(auto body, record_of(manifest));
  ISA_CO_TRY(const auto team, co_await api.call(net::Method::post, std::string(kTeams), std::move(body)));
  std::printf("%s\n", json::serialize(team).c_str());
  co_return ok();
}

Task<Result<void>> delete_team(ApiClient& api, std::string team) {
  ISA_CO_TRY(const auto id, co_await team_id(api, std::move(team)));
  ISA_CO_TRY(const auto gone, co_await api.call(net::Method::del, path_of(id)));
  static_cast<void>(gone);
  std::printf("Deleted %s.\n", id.c_str());
  co_return ok();
}

Task<Result<void>> run_team(ApiClient& api, RunTeamCommand command) {
  json::object body;
  if (is_manifest(command.team)) {
    ISA_CO_TRY(body, spec_of(command.team));
  } else {
    ISA_CO_TRY(const auto id, co_await team_id(api, command.team));
    body["multi_agent_id"] = id;
  }
  body["prompt"] = command.prompt;
  if (command.session) body["session_id"] = *command.session;
  if (command.env) body["env"] = *command.env;
  ISA_CO_TRY(auto answer, co_await api.open("/api/v1/agents/swarm/stream", std::move(body)));
  net::SseReader events(std::move(answer.body));
  co_return co_await follow(std::move(events), command.json);
}

}  // namespace isa::app
