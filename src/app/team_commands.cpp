#include "app/team_commands.h"

#include "app/answer_hint.h"
#include "app/manifest.h"
#include "app/watch.h"

#include <cstdio>
#include <filesystem>
#include <optional>

namespace isa::app {
namespace {

constexpr std::string_view kTeams = "/api/v1/agents/multi-specs";
// Beside agents and tasks in a manifest; the rest of it, but env, is the routing_spec.
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

struct TeamManifest {
  json::object record;             // What POST /api/v1/agents/multi-specs takes.
  std::optional<json::value> env;  // Of a run, not of the team.
};

Result<TeamManifest> read_manifest(const std::string& file) {
  ISA_TRY(auto fields, read_manifest_file(file));
  ISA_TRYV(take_text(fields, "message", file));  // `isa run` says that.
  TeamManifest manifest;
  if (const auto* env = fields.if_contains("env")) manifest.env = *env;
  fields.erase("env");
  if (!fields.contains("agents")) {
    manifest.record = std::move(fields);
    return manifest;
  }
  for (const auto name : kOfTheRecord) {
    auto* value = fields.if_contains(name);
    if (!value) continue;
    manifest.record[name] = std::move(*value);
    fields.erase(name);
  }
  if (!manifest.record.contains("name"))
    manifest.record["name"] = std::filesystem::path(file).stem().string();
  manifest.record["routing_spec"] = std::move(fields);
  return manifest;
}

// The fields of a routing_spec and env, as the ad-hoc route takes them beside the prompt.
Result<json::object> spec_of(const std::string& file) {
  ISA_TRY(auto manifest, read_manifest(file));
  json::object spec;
  if (auto* inner = manifest.record.if_contains("routing_spec"); inner && inner->is_object())
    spec = std::move(inner->get_object());
  manifest.record.erase("routing_spec");
  for (const auto name : kOfTheRecord) manifest.record.erase(name);
  for (auto& field : manifest.record) spec[field.key()] = std::move(field.value());
  if (manifest.env) spec["env"] = *std::move(manifest.env);
  return spec;
}

// What the team does to stderr, its answer to stdout.
void show(const sdk::Event& event) {
  const auto name = text_of(event.metadata, "event");
  if (event.type == sdk::EventType::system && (name.starts_with("swarm_") || name == "dag_start"))
    std::fprintf(stderr, "%s\n", event.content.value_or("").c_str());
  if (event.type == sdk::EventType::system && name == "dag_task") {
    const auto reason = text_of(event.metadata, "reason");
    std::fprintf(stderr, "%s: %s%s\n", text_of(event.metadata, "task_id").c_str(),
                 text_of(event.metadata, "state").c_str(), reason.empty() ? "" : (" - " + reason).c_str());
  }
  if (event.type == sdk::EventType::hil_request)
    std::fprintf(stderr, "? %s: %s\n%s\n", text_of(event.metadata, "agent").c_str(),
                 event.content.value_or("").c_str(), how_to_answer(event.metadata).c_str());
  if (event.type == sdk::EventType::result) std::printf("%s\n", event.content.value_or("").c_str());
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

Task<Result<void>> create_team(ApiClient& api, std::string file) {
  ISA_CO_TRY(auto manifest, read_manifest(file));
  ISA_CO_TRY(const auto team,
             co_await api.call(net::Method::post, std::string(kTeams), std::move(manifest.record)));
  std::printf("%s\n", json::serialize(team).c_str());
  if (manifest.env)
    std::fprintf(stderr,
                 "The env %s is not kept with a team: say it with each run, isa teams run %s --env ...\n",
                 json::serialize(*manifest.env).c_str(), text_of(team.as_object(), "id").c_str());
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
  if (command.run) *command.run = answer.headers.get("X-Run-Id");
  co_return co_await watch(std::move(answer), command.json, show);
}

}  // namespace isa::app
