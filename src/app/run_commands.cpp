#include "app/run_commands.h"

#include "app/answer_hint.h"
#include "app/client_commands.h"
#include "app/end_signals.h"
#include "app/manifest.h"
#include "app/team_commands.h"

#include <cstdio>
#include <filesystem>

namespace isa::app {
namespace {

constexpr std::string_view kConfigs = "/api/v1/agents/configs";
constexpr std::string_view kAllowances = "/api/v1/agents/approvals/allowances";

struct RunCommand {
  std::string file;                    // YAML: the fields of an agent's config.
  std::optional<std::string> message;  // Else the manifest's `message`.
  bool json = false;                   // Print the events as they come instead of the text.
  bool keep = false;                   // Do not delete the agent afterwards.
};

struct DecideCommand {
  std::string request;   // The id of a question.
  std::string decision;  // approve | deny | edit
  std::optional<std::string> text;
  std::optional<std::string> args;  // JSON
  std::optional<std::string> always;
};

std::string text_of(const json::object& from, std::string_view key) {
  const auto* value = from.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

struct Manifest {
  json::object agent;
  std::string message;
};

Result<Manifest> read_manifest(const RunCommand& command) {
  Manifest manifest;
  ISA_TRY(manifest.agent, read_manifest_file(command.file));
  ISA_TRY(manifest.message, take_text(manifest.agent, "message", command.file));
  if (command.message) manifest.message = *command.message;
  if (manifest.message.empty())
    return validation_error("nothing to say to the agent: give a message, or write one as `message:` into {}",
                            command.file);
  if (!manifest.agent.contains("name"))
    manifest.agent["name"] = std::filesystem::path(command.file).stem().string();
  return manifest;
}

// Every page of the questions in that state.
Task<Result<json::array>> questions(ApiClient& api, std::string state) {
  json::array all;
  std::string cursor;
  do {
    auto path = fmt::format("/api/v1/agents/approvals?limit=200&state={}", net::percent_encode(state));
    if (!cursor.empty()) path += "&cursor=" + net::percent_encode(cursor);
    ISA_CO_TRY(const auto page, co_await api.call(net::Method::get, path));
    for (const auto& one : page.at("approvals").as_array()) all.push_back(one);
    cursor = text_of(page.as_object(), "next_cursor");
  } while (!cursor.empty());
  co_return all;
}

// What one shot leaves behind where nothing is done about it.
struct OneShot {
  std::string agent;  // "" for a team: it is in the request alone.
  std::string run;    // Once it has begun.
  bool keep = false;
};

Task<Result<void>> cancel(ApiClient& api, const OneShot& shot) {
  if (shot.run.empty()) co_return ok();
  const auto path = fmt::format("/api/v1/agents/runs/{}/cancel", net::percent_encode(shot.run));
  ISA_CO_TRYV(co_await api.call(net::Method::post, path, json::object()));
  std::fprintf(stderr, "Cancelled the run %s.\n", shot.run.c_str());
  co_return ok();
}

Task<Result<void>> remove_agent(ApiClient& api, const OneShot& shot) {
  if (shot.agent.empty()) co_return ok();
  if (shot.keep) {
    std::fprintf(stderr, "Kept the agent %s.\n", shot.agent.c_str());
    co_return ok();
  }
  const auto path = fmt::format("{}/{}", kConfigs, net::percent_encode(shot.agent));
  ISA_CO_TRYV(co_await api.call(net::Method::del, path));
  co_return ok();
}

// Also when the program is told to end meanwhile nothing is left behind.
Task<Result<void>> to_its_end(ApiClient& api, OneShot& shot, EndSignals& signals, Task<Result<void>> run) {
  const auto done = co_await signals.unless_one_comes(std::move(run));
  Result<void> cancelled = ok();
  if (!done) cancelled = co_await cancel(api, shot);
  const auto removed = co_await remove_agent(api, shot);
  if (done) co_return *done ? removed : *done;
  for (const auto& failed : {cancelled, removed})
    if (!failed) std::fprintf(stderr, "isa: %s\n", failed.error().message().c_str());
  signals.end_program();
}

Task<Result<void>> run_manifest(ApiClient& api, RunCommand command) {
  ISA_CO_TRY(auto manifest, read_manifest(command));
  EndSignals signals(co_await asio::this_coro::executor);
  OneShot shot;
  if (manifest.agent.contains("agents")) {
    RunTeamCommand team{.team = command.file, .prompt = std::move(manifest.message), .json = command.json};
    team.run = &shot.run;
    auto run = run_team(api, std::move(team));
    co_return co_await to_its_end(api, shot, signals, std::move(run));
  }
  ISA_CO_TRY(const auto agent,
             co_await api.call(net::Method::post, std::string(kConfigs), std::move(manifest.agent)));
  shot.agent = text_of(agent.as_object(), "id");
  shot.keep = command.keep;
  ChatCommand message{.agent = shot.agent,
                      .message = std::move(manifest.message),
                      .session = {},
                      .json = command.json,
                      .ends_with_us = true,
                      .run = &shot.run};
  auto run = chat(api, std::move(message));
  co_return co_await to_its_end(api, shot, signals, std::move(run));
}

Task<Result<void>> list_approvals(ApiClient& api, std::string state, bool as_json) {
  ISA_CO_TRY(const auto found, co_await questions(api, state));
  if (as_json) {
    std::printf("%s\n", json::serialize(found).c_str());
    co_return ok();
  }
  if (found.empty()) {
    std::printf("Nothing waits for you.\n");
    co_return ok();
  }
  for (const auto& item : found) {
    const auto& one = item.as_object();
    std::printf("%s  %s  %s, until %s\n  %s asks: %s\n", text_of(one, "request_id").c_str(),
                text_of(one, "state").c_str(), text_of(one, "kind").c_str(),
                text_of(one, "expires_at").c_str(), text_of(one, "agent").c_str(),
                text_of(one, "question").c_str());
    if (text_of(one, "kind") != "input" && text_of(one, "kind") != "choice")
      std::printf("  %s %s\n", text_of(one, "tool").c_str(), json::serialize(one.at("args")).c_str());
    if (text_of(one, "state") == "pending") std::printf("%s\n", how_to_answer(one).c_str());
  }
  co_return ok();
}

Task<Result<void>> decide_approval(ApiClient& api, DecideCommand command) {
  ISA_CO_TRY(const auto found, co_await questions(api, "all"));
  std::string run;
  for (const auto& item : found)
    if (text_of(item.as_object(), "request_id") == command.request) run = text_of(item.as_object(), "run_id");
  if (run.empty())
    co_return not_found("there is no question '{}'; `isa approvals list` shows those that wait for you",
                        command.request);
  json::object body{{"decision", command.decision}};
  if (command.text) body["text"] = *command.text;
  if (command.always) body["always"] = *command.always;
  if (command.args) {
    auto args = json::parse(*command.args);
    if (!args) co_return validation_error("--args is no JSON: {}", args.error().message());
    body["args"] = *std::move(args);
  }
  const auto path = fmt::format("/api/v1/agents/runs/{}/approvals/{}", net::percent_encode(run),
                                net::percent_encode(command.request));
  ISA_CO_TRY(const auto decided, co_await api.call(net::Method::post, path, std::move(body)));
  std::printf("%s: %s\n", command.request.c_str(), text_of(decided.as_object(), "state").c_str());
  co_return ok();
}

Task<Result<void>> list_allowances(ApiClient& api, bool as_json) {
  ISA_CO_TRY(const auto answer, co_await api.call(net::Method::get, std::string(kAllowances)));
  const auto& rules = answer.at("allowances").as_array();
  if (as_json) {
    std::printf("%s\n", json::serialize(rules).c_str());
    co_return ok();
  }
  if (rules.empty()) {
    std::printf("You allowed nothing for good: `isa approvals approve ID --always PATTERN` does.\n");
    co_return ok();
  }
  for (const auto& item : rules) {
    const auto& rule = item.as_object();
    const auto agent = text_of(rule, "agent_config_id");
    std::printf("%s  %s  of %s, since %s\n", text_of(rule, "id").c_str(), text_of(rule, "pattern").c_str(),
                agent.empty() ? "chats without an agent" : agent.c_str(),
                text_of(rule, "created_at").c_str());
  }
  std::printf("\nTake one back with: isa approvals revoke ID\n");
  co_return ok();
}

Task<Result<void>> revoke_allowance(ApiClient& api, std::string id) {
  const auto path = fmt::format("{}/{}", kAllowances, net::percent_encode(id));
  ISA_CO_TRYV(co_await api.call(net::Method::del, path));
  std::printf("Revoked %s; from its next run on the agent asks again.\n", id.c_str());
  co_return ok();
}

}  // namespace

void add_run(CLI::App& app, WithAgentService with_service, std::function<int()>& action) {
  auto* sub = app.add_subcommand(
      "run", "Run an agent or a team from a manifest once and print its answer as it comes");
  auto command = std::make_shared<RunCommand>();
  sub->add_option("file", command->file,
                  "YAML with the fields of an agent, or with `agents`, and perhaps `message`")
      ->required()
      ->check(CLI::ExistingFile);
  sub->add_option("message", command->message, "What to say to it");
  sub->add_flag("--json", command->json, "Print the events as JSON lines");
  sub->add_flag("--keep", command->keep, "Keep the agent");
  sub->callback([&action, with_service, command] {
    action = [with_service, command] {
      return with_service([command](ApiClient& api) { return run_manifest(api, *command); });
    };
  });
}

void add_approvals(CLI::App& app, WithAgentService with_service, std::function<int()>& action) {
  auto* approvals = app.add_subcommand("approvals", "See what your agents ask you, and answer");
  approvals->require_subcommand(1);
  const auto on_service = [&action, with_service](CLI::App* command, auto work) {
    command->callback(
        [&action, with_service, work] { action = [with_service, work] { return with_service(work); }; });
  };
  auto* list = approvals->add_subcommand("list", "What waits for you, newest first");
  auto as_json = std::make_shared<bool>(false);
  auto state = std::make_shared<std::string>("pending");
  list->add_flag("--json", *as_json, "Print JSON");
  list->add_option("--state", *state, "pending, approved, denied, edited, expired, cancelled or all")
      ->capture_default_str();
  on_service(list, [as_json, state](ApiClient& api) { return list_approvals(api, *state, *as_json); });
  auto* allowances = approvals->add_subcommand("allowances", "What you allowed for good, oldest first");
  allowances->add_flag("--json", *as_json, "Print JSON");
  on_service(allowances, [as_json](ApiClient& api) { return list_allowances(api, *as_json); });
  auto* revoke = approvals->add_subcommand("revoke", "Take back what you allowed for good");
  auto id = std::make_shared<std::string>();
  revoke->add_option("id", *id, "As `isa approvals allowances` shows it")->required();
  on_service(revoke, [id](ApiClient& api) { return revoke_allowance(api, *id); });
  for (const auto* verb : {"approve", "deny", "edit"}) {
    auto* sub = approvals->add_subcommand(verb, std::string("Answer a question: ") + verb);
    auto command = std::make_shared<DecideCommand>();
    command->decision = verb;
    sub->add_option("request", command->request, "The question's id")->required();
    sub->add_option("--text", command->text, "The answer, or a word to the agent");
    if (std::string_view(verb) == "edit")
      sub->add_option("--args", command->args, "JSON: what the call is run with instead")->required();
    if (std::string_view(verb) == "approve")
      sub->add_option("--always", command->always, "A pattern of calls not to ask about any more");
    on_service(sub, [command](ApiClient& api) { return decide_approval(api, *command); });
  }
}

}  // namespace isa::app
