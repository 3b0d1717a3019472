#include "app/secret_commands.h"

#include <cstdio>
#include <termios.h>

#include <unistd.h>

namespace isa::app {
namespace {

constexpr std::size_t kValueMax = 64 << 10;

// A terminal that shows nothing of what is typed, for as long as this lives.
class Silence {
 public:
  Silence() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    auto silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    is_silent_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() {
    if (is_silent_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  bool holds() const { return is_silent_; }

 private:
  termios before_{};
  bool is_silent_ = false;
};

std::string joined(const json::value& texts) {
  std::string line;
  for (const auto& text : texts.as_array()) line += (line.empty() ? "" : ",") + std::string(text.as_string());
  return line;
}

// Of one that is renewed: how its token is.
std::string token_state(const json::object& secret) {
  const auto* found = secret.if_contains("oauth");
  if (!found) return {};
  const auto& oauth = found->as_object();
  std::string state =
      oauth.contains("obtained_at") ? "renewed when it is refused" : "fetched at its first use";
  if (const auto* end = oauth.if_contains("expires_at"))
    state = fmt::format("expires {}", std::string_view(end->as_string()));
  if (const auto* failure = oauth.if_contains("last_error"))
    state += fmt::format("; not renewed: {}", std::string_view(failure->at("code").as_string()));
  return state;
}

}  // namespace

std::string secret_path(const std::string& name, const std::optional<std::string>& org) {
  auto path = "/api/v1/secrets" + (name.empty() ? "" : "/" + net::percent_encode(name));
  if (org) path += "?org_id=" + net::percent_encode(*org);
  return path;
}

Result<std::string> read_secret_value() {
  std::optional<Silence> silence;
  if (::isatty(STDIN_FILENO) == 1) {
    std::fputs("Value (not shown): ", stderr);
    silence.emplace();
    if (!silence->holds())
      return failed_dependency("this terminal cannot hide what is typed; pipe the value in");
  }
  std::string value;
  for (int c = std::getchar(); c != EOF && c != '\n' && value.size() <= kValueMax; c = std::getchar())
    value.push_back(static_cast<char>(c));
  if (silence) std::fputs("\n", stderr);
  if (value.ends_with('\r')) value.pop_back();
  if (value.empty()) return validation_error("no value came in; pipe it in: isa secrets set NAME ... < file");
  return value;
}

Task<Result<void>> set_secret(ApiClient& api, SetSecretCommand command, std::string value) {
  json::object body{{"value", std::move(value)}, {"hosts", json::write(command.hosts)}};
  if (command.header) body["header"] = *command.header;
  if (command.env) body["env"] = *command.env;
  if (!command.methods.empty()) body["methods"] = json::write(command.methods);
  if (command.path_prefix) body["path_prefix"] = *command.path_prefix;
  if (command.org) body["org_id"] = *command.org;
  ISA_CO_TRY(const auto stored,
             co_await api.call(net::Method::put, secret_path(command.name, {}), std::move(body)));
  std::printf("Set %s for %s.\n", command.name.c_str(), joined(stored.at("hosts")).c_str());
  co_return ok();
}

Task<Result<void>> list_secrets(ApiClient& api, std::optional<std::string> org, bool as_json) {
  ISA_CO_TRY(const auto answer, co_await api.call(net::Method::get, secret_path({}, org)));
  const auto& secrets = answer.at("secrets").as_array();
  if (as_json) {
    std::printf("%s\n", json::serialize(secrets).c_str());
    co_return ok();
  }
  if (secrets.empty()) {
    std::printf(
        "No secrets yet. Set one: isa secrets set github --host api.github.com "
        "--header \"Authorization: Bearer {}\"\n");
    co_return ok();
  }
  std::printf("%-24s  %-32s  %-32s  %-24s  %s\n", "NAME", "HOSTS", "GOES INTO", "LAST USED", "TOKEN");
  for (const auto& item : secrets) {
    const auto& secret = item.as_object();
    const auto text = [&](const char* key) {
      const auto* value = secret.if_contains(key);
      return value && value->is_string() ? std::string(value->get_string()) : std::string();
    };
    const auto place = text("header").empty() ? "the placeholder in $" + text("env") : text("header");
    std::printf("%-24s  %-32s  %-32s  %-24s  %s\n", text("name").c_str(), joined(secret.at("hosts")).c_str(),
                place.c_str(), text("used_at").empty() ? "never" : text("used_at").c_str(),
                token_state(secret).c_str());
  }
  co_return ok();
}

Task<Result<void>> remove_secret(ApiClient& api, std::string name, std::optional<std::string> org) {
  ISA_CO_TRY(const auto answer, co_await api.call(net::Method::del, secret_path(name, org)));
  static_cast<void>(answer);
  std::printf("Removed %s.\n", name.c_str());
  co_return ok();
}

}  // namespace isa::app
