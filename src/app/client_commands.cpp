#include "app/client_commands.h"

#include "app/answer_hint.h"
#include "app/watch.h"
#include "base/usd.h"

#include <cstdio>

#include <unistd.h>

namespace isa::app {
namespace {

constexpr std::string_view kConfigs = "/api/v1/agents/configs";

std::string text_of(const json::object& from, std::string_view key) {
  const auto* value = from.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

void print_json(const json::value& value) {
  std::printf("%s\n", json::serialize(value).c_str());
}

Task<Result<json::array>> all_agents(ApiClient& api) {
  json::array agents;
  std::string cursor;
  do {
    auto path = fmt::format("{}?limit=200", kConfigs);
    if (!cursor.empty()) path += "&cursor=" + net::percent_encode(cursor);
    ISA_CO_TRY(const auto page, co_await api.call(net::Method::get, path));
    for (const auto& agent : page.at("agents").as_array()) agents.push_back(agent);
    cursor = text_of(page.as_object(), "next_cursor");
  } while (!cursor.empty());
  co_return agents;
}

// People name agents; the API wants ids.
Task<Result<std::string>> agent_id(ApiClient& api, std::string agent) {
  if (agent.starts_with("agent_")) co_return agent;
  ISA_CO_TRY(const auto agents, co_await all_agents(api));
  std::string found;
  for (const auto& item : agents) {
    if (text_of(item.as_object(), "name") != agent) continue;
    if (!found.empty())
      co_return conflict("several agents are called '{}'; use the id, which `isa agents list` shows", agent);
    found = text_of(item.as_object(), "id");
  }
  if (found.empty())
    co_return not_found(
        "there is no agent '{}'; `isa agents list` shows yours, `isa agents create` makes one", agent);
  co_return found;
}

// Text to stdout as it comes; what the agent does, dimmed, to stderr.
class ChatPrinter {
 public:
  void show(const sdk::Event& event) {
    switch (event.type) {
      case sdk::EventType::text:
        std::fputs(event.content.value_or("").c_str(), stdout);
        std::fflush(stdout);
        printed_text_ = true;
        return;
      case sdk::EventType::tool_use: return note("> " + text_of(event.metadata, "tool") + arguments(event));
      case sdk::EventType::system: return note_lack(event);
      case sdk::EventType::progress: return note_progress(event);
      case sdk::EventType::tool_result: return note("< " + event.content.value_or(""));
      case sdk::EventType::hil_request:
        return note(fmt::format("? {}\n{}", event.content.value_or(""), how_to_answer(event.metadata)));
      case sdk::EventType::result:
        if (!printed_text_) std::fputs(event.content.value_or("").c_str(), stdout);
        std::fputs("\n", stdout);
        return note_cost(event);
      default: return;
    }
  }

 private:
  // Where it is known and something.
  static void note_cost(const sdk::Event& event) {
    const auto* usage = event.metadata.if_contains("usage");
    const auto* cost = usage && usage->is_object() ? usage->get_object().if_contains("cost_usd") : nullptr;
    const auto spent = cost && cost->is_number() ? Usd::of_number(cost->to_number<double>()) : std::nullopt;
    if (spent && *spent > Usd()) note(fmt::format("({} USD)", spent->text()));
  }
  // What the agent has to do without: its answer may look as if nothing were missing.
  static void note_lack(const sdk::Event& event) {
    const bool is_new_sandbox = event.metadata.contains("replaced");
    if (text_of(event.metadata, "event").ends_with(".unavailable") || is_new_sandbox)
      note("! " + event.content.value_or(""));
  }
  static void note_progress(const sdk::Event& event) {
    const auto* percent = event.metadata.if_contains("percent");
    auto text = event.content.value_or("");
    if (text.ends_with('\n')) text.pop_back();
    note(fmt::format("  {}{}", percent ? fmt::format("{:.0f} % ", percent->to_number<double>()) : "", text));
  }
  static std::string arguments(const sdk::Event& event) {
    const auto* args = event.metadata.if_contains("args");
    return args ? " " + json::serialize(*args) : "";
  }
  static void note(const std::string& line) {
    const bool is_terminal = isatty(STDERR_FILENO) == 1;
    std::fprintf(stderr, "%s%s%s\n", is_terminal ? "\033[2m" : "", line.c_str(),
                 is_terminal ? "\033[0m" : "");
  }
  bool printed_text_ = false;
};

}  // namespace

Task<Result<void>> chat(ApiClient& api, ChatCommand command) {
  ISA_CO_TRY(auto id, co_await agent_id(api, command.agent));
  json::object body{{"agent_config_id", id}, {"message", command.message}, {"stream", true}};
  if (command.session) body["session_id"] = *command.session;
  if (command.ends_with_us) body["cancel_on_disconnect"] = true;
  ISA_CO_TRY(auto answer, co_await api.open("/api/v1/agents/chat", std::move(body)));
  if (command.run) *command.run = answer.headers.get("X-Run-Id");
  ChatPrinter printer;
  ShowEvent show = [&printer](const sdk::Event& event) { printer.show(event); };
  co_return co_await watch(std::move(answer), command.json, std::move(show));
}

Task<Result<void>> list_agents(ApiClient& api, bool as_json) {
  ISA_CO_TRY(const auto agents, co_await all_agents(api));
  if (as_json) co_return print_json(agents), ok();
  if (agents.empty()) {
    std::printf("No agents yet. Make one: isa agents create \"My agent\" --template basic-assistant\n");
    co_return ok();
  }
  std::printf("%-32s  %-24s  %-20s  %s\n", "ID", "NAME", "MODEL", "ENV");
  for (const auto& item : agents) {
    const auto& agent = item.as_object();
    std::printf("%-32s  %-24s  %-20s  %s\n", text_of(agent, "id").c_str(), text_of(agent, "name").c_str(),
                text_of(agent, "model_id").c_str(), text_of(agent, "env").c_str());
  }
  co_return ok();
}

Task<Result<void>> create_agent(ApiClient& api, CreateCommand command) {
  json::object body{{"name", command.name}};
  for (const auto& [name, value] : command.fields) body[name] = value;
  if (!command.tools.empty()) body["tools"] = json::write(command.tools);
  if (command.fields.contains("template_id")) body["source"] = "template";
  ISA_CO_TRY(const auto agent, co_await api.call(net::Method::post, std::string(kConfigs), std::move(body)));
  print_json(agent);
  co_return ok();
}

Task<Result<void>> show_agent(ApiClient& api, std::string agent) {
  ISA_CO_TRY(const auto id, co_await agent_id(api, std::move(agent)));
  ISA_CO_TRY(const auto found,
             co_await api.call(net::Method::get, fmt::format("{}/{}", kConfigs, net::percent_encode(id))));
  print_json(found);
  co_return ok();
}

Task<Result<void>> delete_agent(ApiClient& api, std::string agent) {
  ISA_CO_TRY(const auto id, co_await agent_id(api, std::move(agent)));
  ISA_CO_TRY(const auto answer,
             co_await api.call(net::Method::del, fmt::format("{}/{}", kConfigs, net::percent_encode(id))));
  static_cast<void>(answer);
  std::printf("Deleted %s.\n", id.c_str());
  co_return ok();
}

Task<Result<void>> show_pool_stats(ApiClient& pool, std::string pool_type) {
  ISA_CO_TRY(const auto stats,
             co_await pool.call(net::Method::get,
                                fmt::format("/api/v1/pools/{}/stats", net::percent_encode(pool_type))));
  print_json(stats);
  co_return ok();
}

}  // namespace isa::app
