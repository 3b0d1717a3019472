// The `isa` program: a table of commands. What they do is in the files that they are named for.
#include "app/authorize_command.h"
#include "app/client_commands.h"
#include "app/doctor.h"
#include "app/platform_config.h"
#include "app/run_commands.h"
#include "app/sandbox_commands.h"
#include "app/secret_commands.h"
#include "app/serve.h"
#include "app/session_commands.h"
#include "app/skill_commands.h"
#include "app/team_commands.h"
#include "net/event_loop.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>

#include <unistd.h>

namespace isa::app {
namespace {

constexpr std::uint16_t kAgentPort = 8080;
constexpr std::uint16_t kPoolPort = 8090;
constexpr std::uint16_t kCloudOsPort = 8086;
constexpr int kUsage = 64;  // EX_USAGE of sysexits.h

struct Globals {
  std::string data_dir;
  std::string config_file;
  std::vector<std::string> assignments;
  bool no_isolation = false;
  std::string url;
  std::string user;
};

int fail(const Error& error) {
  std::fprintf(stderr, "isa: %s\n", error.message().c_str());
  if (!error.detail().empty()) std::fprintf(stderr, "     (%s)\n", error.detail().c_str());
  return 1;
}

Result<PlatformConfig> load(const Globals& globals) {
  SettingsInput input;
  if (!globals.config_file.empty()) input.config_file = globals.config_file;
  if (!globals.data_dir.empty()) input.flags.emplace_back("data_dir", globals.data_dir);
  if (globals.no_isolation) {
    input.flags.emplace_back("cloud_os.insecure_no_isolation", "true");
    input.flags.emplace_back("cloud_os.backend", "process");
  }
  input.assignments = globals.assignments;
  for (char** entry = environ; *entry; ++entry) input.environment.emplace_back(*entry);
  return load_config(input);
}

std::optional<std::string> from_environment(const std::string& flag, const char* variable) {
  if (!flag.empty()) return flag;
  const char* value = std::getenv(variable);
  if (value && *value) return value;
  return std::nullopt;
}

// Runs one conversation with a running platform to its end.
int with_api(const Globals& globals, std::string role, std::uint16_t usual_port,
             std::function<Task<Result<void>>(ApiClient&)> command) {
  ApiAddress address;
  address.url = from_environment(globals.url, "ISA_URL");
  address.user = from_environment(globals.user, "ISA_USER");
  address.api_key = from_environment("", "ISA_API_KEY");
  address.data_dir = globals.data_dir.empty() ? default_data_dir() : globals.data_dir;
  auto at = find_role(address, role, usual_port);
  if (!at) return fail(at.error());

  net::EventLoop loop("client");
  Result<void> outcome;
  auto whole = [](auto action, net::Url url, ApiAddress who, Result<void>& to) -> Task<void> {
    net::Client http;
    ApiClient api(http, std::move(url), who);
    to = co_await action(api);
  };
  loop.run(whole(std::move(command), std::move(*at), std::move(address), outcome));
  return outcome ? 0 : fail(outcome.error());
}

void add_agents(CLI::App& app, Globals& globals, std::function<int()>& action) {
  auto* agents = app.add_subcommand("agents", "List, create, show and delete your agents");
  agents->require_subcommand(1);

  auto* list = agents->add_subcommand("list", "Your agents, newest first");
  auto as_json = std::make_shared<bool>(false);
  list->add_flag("--json", *as_json, "Print JSON");
  list->callback([&, as_json] {
    action = [&, as_json] {
      return with_api(globals, "agent", kAgentPort,
                      [as_json](ApiClient& api) { return list_agents(api, *as_json); });
    };
  });

  auto* create = agents->add_subcommand("create", "Make an agent");
  auto command = std::make_shared<CreateCommand>();
  create->add_option("name", command->name, "What you call it")->required();
  const auto field = [create, command](const std::string& flag, const std::string& name,
                                       const std::string& help) {
    create->add_option_function<std::string>(
        flag, [command, name](const std::string& value) { command->fields[name] = value; }, help);
  };
  field("--model", "model_id", "builtin/demo, gpt-..., claude-..., provider/name");
  field("--prompt", "system_prompt", "The system prompt");
  field("--template", "template_id", "Begin from a template, e.g. basic-assistant");
  field("--description", "description", "A sentence");
  field("--mode", "mode", "REACTIVE, COLLABORATIVE or PROACTIVE");
  field("--env", "env", "cloud_pool or cloud_shared");
  create->add_option("--tools", command->tools, "Names of tools, separated by commas")->delimiter(',');
  create->callback([&, command] {
    action = [&, command] {
      return with_api(globals, "agent", kAgentPort,
                      [command](ApiClient& api) { return create_agent(api, *command); });
    };
  });

  const auto on_one = [&](const char* name, const char* help,
                          Task<Result<void>> (*act)(ApiClient&, std::string)) {
    auto* one = agents->add_subcommand(name, help);
    auto agent = std::make_shared<std::string>();
    one->add_option("agent", *agent, "Id or name")->required();
    one->callback([&globals, &action, agent, act] {
      action = [&globals, agent, act] {
        return with_api(globals, "agent", kAgentPort,
                        [agent, act](ApiClient& api) { return act(api, *agent); });
      };
    });
  };
  on_one("show", "One agent as JSON", show_agent);
  on_one("delete", "Delete an agent", delete_agent);
}

void add_teams(CLI::App& app, Globals& globals, std::function<int()>& action) {
  auto* teams = app.add_subcommand("teams", "Agents that work together");
  teams->require_subcommand(1);
  const auto on_agent = [&globals](std::function<Task<Result<void>>(ApiClient&)> command) {
    return with_api(globals, "agent", kAgentPort, std::move(command));
  };
  auto* list = teams->add_subcommand("list", "Your teams and those shared with you");
  auto as_json = std::make_shared<bool>(false);
  list->add_flag("--json", *as_json, "Print JSON");
  list->callback([&action, on_agent, as_json] {
    action = [on_agent, as_json] {
      return on_agent([as_json](ApiClient& api) { return list_teams(api, *as_json); });
    };
  });
  const auto on_one = [&](const char* name, const char* help, const char* what,
                          Task<Result<void>> (*act)(ApiClient&, std::string)) {
    auto* one = teams->add_subcommand(name, help);
    auto team = std::make_shared<std::string>();
    one->add_option("team", *team, what)->required();
    one->callback([&action, on_agent, team, act] {
      action = [on_agent, team, act] {
        return on_agent([team, act](ApiClient& api) { return act(api, *team); });
      };
    });
  };
  on_one("show", "One team as JSON", "Id or name", show_team);
  on_one("create", "Keep the team of a manifest", "FILE.yaml: a name, agents, tasks", create_team);
  on_one("delete", "Delete a team", "Id or name", delete_team);

  auto* run = teams->add_subcommand("run", "Give a team something to do and print its answer");
  auto command = std::make_shared<RunTeamCommand>();
  run->add_option("team", command->team, "Id or name of a team, or FILE.yaml")->required();
  run->add_option("prompt", command->prompt, "What to do")->required();
  run->add_option("--session", command->session, "Continue this session");
  run->add_option("--env", command->env,
                  "cloud_shared (the default) or cloud_pool, of agents that the team defines");
  run->add_flag("--json", command->json, "Print the events as JSON lines");
  run->callback([&action, on_agent, command] {
    action = [on_agent, command] {
      return on_agent([command](ApiClient& api) { return run_team(api, *command); });
    };
  });
}

void add_chat(CLI::App& app, Globals& globals, std::function<int()>& action) {
  auto* sub = app.add_subcommand("chat", "Send a message to an agent and print its answer as it comes");
  auto command = std::make_shared<ChatCommand>();
  sub->add_option("agent", command->agent, "Id or name")->required();
  sub->add_option("message", command->message, "What to say")->required();
  sub->add_option("--session", command->session, "Continue this session");
  sub->add_flag("--json", command->json, "Print the events as JSON lines");
  sub->callback([&, command] {
    action = [&, command] {
      return with_api(globals, "agent", kAgentPort,
                      [command](ApiClient& api) { return chat(api, *command); });
    };
  });
}

void add_pools(CLI::App& app, Globals& globals, std::function<int()>& action) {
  auto* pools = app.add_subcommand("pools", "The pools of warm sandboxes");
  pools->require_subcommand(1);
  auto* stats = pools->add_subcommand("stats", "Figures of one pool");
  auto type = std::make_shared<std::string>("agent");
  stats->add_option("type", *type, "agent");
  stats->callback([&, type] {
    action = [&, type] {
      return with_api(globals, "pool", kPoolPort,
                      [type](ApiClient& api) { return show_pool_stats(api, *type); });
    };
  });
}

void add_secrets(CLI::App& app, Globals& globals, std::function<int()>& action) {
  auto* secrets = app.add_subcommand("secrets", "What is added to your sandboxes' requests, outside of them");
  secrets->require_subcommand(1);
  const auto on_cloud_os = [&globals](std::function<Task<Result<void>>(ApiClient&)> command) {
    return with_api(globals, "cloud_os", kCloudOsPort, std::move(command));
  };

  auto* set = secrets->add_subcommand("set", "Keep a secret; its value is read from standard input");
  auto command = std::make_shared<SetSecretCommand>();
  set->add_option("name", command->name, "What you call it")->required();
  set->add_option("--host", command->hosts, "Who may get it: api.example.com or *.example.com; repeatable")
      ->required();
  set->add_option("--header", command->header, "Add it as a header: \"Authorization: Bearer {}\"");
  set->add_option("--env", command->env, "Swap it for a placeholder that this variable holds inside");
  set->add_option("--method", command->methods, "Only for these methods; repeatable");
  set->add_option("--path", command->path_prefix, "Only for paths that begin so");
  set->add_option("--org", command->org, "For everybody in that organization");
  set->callback([&action, on_cloud_os, command] {
    action = [on_cloud_os, command] {
      auto value = read_secret_value();
      if (!value) return fail(value.error());
      return on_cloud_os([command, value](ApiClient& api) { return set_secret(api, *command, *value); });
    };
  });

  add_authorize(*secrets, on_cloud_os, action);

  auto* list = secrets->add_subcommand("list", "Your secrets, without their values");
  auto org = std::make_shared<std::optional<std::string>>();
  auto as_json = std::make_shared<bool>(false);
  list->add_option("--org", *org, "Those of that organization");
  list->add_flag("--json", *as_json, "Print JSON");
  list->callback([&action, on_cloud_os, org, as_json] {
    action = [on_cloud_os, org, as_json] {
      return on_cloud_os([org, as_json](ApiClient& api) { return list_secrets(api, *org, *as_json); });
    };
  });

  auto* remove = secrets->add_subcommand("remove", "Forget a secret; it holds at once");
  auto name = std::make_shared<std::string>();
  remove->add_option("name", *name, "As `isa secrets list` shows it")->required();
  remove->add_option("--org", *org, "Of that organization");
  remove->callback([&action, on_cloud_os, name, org] {
    action = [on_cloud_os, name, org] {
      return on_cloud_os([name, org](ApiClient& api) { return remove_secret(api, *name, *org); });
    };
  });
}

void add_sessions(CLI::App& app, Globals& globals, std::function<int()>& action) {
  auto* sessions = app.add_subcommand("sessions", "List, show, export, fork and delete your conversations");
  sessions->require_subcommand(1);
  // A command whose callback asks the agent service.
  const auto on_agent = [&globals, &action](CLI::App* command,
                                            std::function<Task<Result<void>>(ApiClient&)> act) {
    command->callback([&globals, &action, act = std::move(act)] {
      action = [&globals, act] { return with_api(globals, "agent", kAgentPort, act); };
    });
  };

  auto* list = sessions->add_subcommand("list", "Your sessions, newest first");
  auto as_json = std::make_shared<bool>(false);
  list->add_flag("--json", *as_json, "Print JSON");
  on_agent(list, [as_json](ApiClient& api) { return list_sessions(api, *as_json); });

  auto fork = std::make_shared<ForkCommand>();  // Its session is that of every command.
  const auto one = [&](const char* name, const char* help) {
    auto* command = sessions->add_subcommand(name, help);
    command->add_option("session", fork->session, "Its id")->required();
    return command;
  };
  on_agent(one("show", "One session and its runs as JSON"),
           [fork](ApiClient& api) { return show_session(api, fork->session); });
  auto* save = one("export", "Everything that was said and done, as one JSON document");
  auto file = std::make_shared<std::string>();
  save->add_option("file", *file, "Where to write it; - is standard output")->required();
  on_agent(save, [fork, file](ApiClient& api) { return export_session(api, fork->session, *file); });
  auto* branch = one("fork", "A new session with the same history, up to a point");
  branch->add_option("--after", fork->after_event, "The last event that counts: <run>:<seq>");
  branch->add_option("--run", fork->run, "The last run that counts");
  branch->add_option("--title", fork->title, "Of the new session");
  on_agent(branch, [fork](ApiClient& api) { return fork_session(api, *fork); });
  on_agent(one("delete", "Delete a session with its messages and runs"),
           [fork](ApiClient& api) { return delete_session(api, fork->session); });
}

void add_platform(CLI::App& app, Globals& globals, std::function<int()>& action) {
  const auto drain = std::make_shared<bool>(false);
  const auto run_roles = [&globals, drain](std::vector<std::string> roles) {
    auto config = load(globals);
    if (!config) return fail(config.error());
    const auto served = serve(*config, roles, *drain);
    return served ? 0 : fail(served.error());
  };
  const std::string drain_help = "A stop waits for the conversations in sandboxes to end";
  const std::string no_isolation_help =
      "Agents run as ordinary processes of this user, with all that it can read, change and reach";
  auto* up = app.add_subcommand("up", "Run the whole platform in the foreground");
  up->add_flag("--drain", *drain, drain_help);
  up->add_flag("--insecure-no-isolation", globals.no_isolation, no_isolation_help);
  up->callback([&action, run_roles] { action = [run_roles] { return run_roles(all_roles()); }; });

  auto* one = app.add_subcommand("serve", "Run one role alone, over HTTP to the others");
  one->add_flag("--drain", *drain, drain_help);
  one->add_flag("--insecure-no-isolation", globals.no_isolation, "With cloud_os: " + no_isolation_help);
  auto role = std::make_shared<std::string>();
  one->add_option("role", *role, "agent, pool, cloud_os or model")
      ->required()
      ->check(CLI::IsMember(all_roles()));
  one->callback([&action, &globals, run_roles, role] {
    if (globals.no_isolation && *role != "cloud_os")
      throw CLI::ValidationError("--insecure-no-isolation", "only cloud_os runs sandboxes; leave it out");
    action = [run_roles, role] { return run_roles({*role}); };
  });

  app.add_subcommand("doctor", "Say what this machine can and cannot do, and what to install")->callback([&] {
    action = [&globals] {
      auto config = load(globals);
      return config ? doctor(*config) : fail(config.error());
    };
  });

  auto* ps = app.add_subcommand("ps", "The sandboxes of this machine, and what they use");
  auto ps_json = std::make_shared<bool>(false);
  ps->add_flag("--json", *ps_json, "Print JSON");
  ps->callback([&, ps_json] {
    action = [&globals, ps_json] {
      const auto config = load(globals);
      if (!config) return fail(config.error());
      const auto shown = show_sandboxes(*config, *ps_json);
      return shown ? 0 : fail(shown.error());
    };
  });

  auto* gc = app.add_subcommand("gc", "Remove what is left of sandboxes that no record stands for");
  auto is_dry = std::make_shared<bool>(false);
  gc->add_flag("--dry-run", *is_dry, "Only show it");
  gc->callback([&, is_dry] {
    action = [&globals, is_dry] {
      const auto config = load(globals);
      if (!config) return fail(config.error());
      const auto collected = collect_garbage(*config, *is_dry);
      return collected ? 0 : fail(collected.error());
    };
  });

  auto* settings = app.add_subcommand("config", "Show the settings in force");
  auto explain = std::make_shared<bool>(false);
  settings->add_flag("--explain", *explain, "With a sentence on each");
  settings->callback([&, explain] {
    action = [&globals, explain] {
      const auto config = load(globals);
      if (!config) return fail(config.error());
      print_settings(*config, *explain);
      return 0;
    };
  });
}

int run(int argc, char** argv) {
  CLI::App app{"isA: a self-hosted platform for AI agents"};
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", ISA_VERSION);
  app.footer(
      "Exit codes: 0 done; 1 it failed, or the run did not succeed; 64 the command line makes no sense;\n"
      "70 a bug; 128 and the number of a signal that ended it.");
  Globals globals;
  app.add_option("--data-dir", globals.data_dir, "Where everything is kept (" + default_data_dir() + ")");
  app.add_option("--config", globals.config_file, "Settings file (default: ./isa.yaml when it exists)");
  app.add_option("--set", globals.assignments, "name=value; beats the environment and the file")->take_all();
  app.add_option("--url", globals.url, "Of the agent service, for client commands (ISA_URL)");
  app.add_option("--user", globals.user, "Who asks, for client commands (ISA_USER)");

  std::function<int()> action;
  add_platform(app, globals, action);
  add_chat(app, globals, action);
  add_agents(app, globals, action);
  add_teams(app, globals, action);
  add_sessions(app, globals, action);
  add_pools(app, globals, action);
  add_secrets(app, globals, action);
  const auto on_agent = [&globals](std::function<Task<Result<void>>(ApiClient&)> command) {
    return with_api(globals, "agent", kAgentPort, std::move(command));
  };
  add_run(app, on_agent, action);
  add_approvals(app, on_agent, action);
  add_skills(app, on_agent, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& e) {
    // CLI11 says that a command is missing also when one is there that it does not know.
    const auto unknown = app.remaining(true);
    if (unknown.empty()) {
      app.exit(e);
      return kUsage;
    }
    std::fprintf(stderr, "isa: there is no command '%s'; `isa --help` lists them\n", unknown.front().c_str());
    return kUsage;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kUsage;  // --help and --version are 0.
  }
  return action();
}

}  // namespace
}  // namespace isa::app

int main(int argc, char** argv) {
  try {
    return isa::app::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "isa: a bug stopped the program: %s\n", e.what());
    return 70;  // EX_SOFTWARE
  }
}
