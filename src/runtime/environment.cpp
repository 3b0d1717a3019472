#include "runtime/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace isa::runtime {
namespace {

bool is_name(std::string_view text) {
  const auto is_part = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
  return !text.empty() && !std::isdigit(static_cast<unsigned char>(text.front())) &&
         std::ranges::all_of(text, is_part);
}

// http://127.0.0.1:<usual>, whatever path follows.
void name_port(std::string& url, std::uint16_t usual, std::uint16_t real) {
  const auto origin = fmt::format("http://127.0.0.1:{}", usual);
  if (!url.starts_with(origin) || (url.size() > origin.size() && url[origin.size()] != '/')) return;
  url.replace(0, origin.size(), fmt::format("http://127.0.0.1:{}", real));
}

}  // namespace

std::map<std::string, std::string> tool_environment(const char* const* inherited,
                                                    const sdk::RuntimeInit& init) {
  std::map<std::string, std::string> env;
  for (; inherited && *inherited; ++inherited) {
    const std::string_view entry = *inherited;
    const auto equals = entry.find('=');
    if (equals != std::string_view::npos) env.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  env.emplace("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin");
  for (const auto& [name, value] : init.env) env[name] = value;
  if (!init.session_id.empty()) env["ISA_SESSION_ID"] = init.session_id;
  if (!init.user_id.empty()) env["ISA_USER_ID"] = init.user_id;
  return env;
}

void name_ports(std::map<std::string, std::string>& env,
                const std::map<std::string, std::string>& from_broker, const ForwarderPorts& ports) {
  const ForwarderPorts usual;
  for (const char* name : {"ISA_MODEL_URL", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"})
    if (const auto found = env.find(name); found != env.end())
      name_port(found->second, usual.model, ports.model);
  for (const auto& [name, value] : from_broker) name_port(env[name], usual.proxy, ports.proxy);
}

Result<void> check_environment(const std::map<std::string, std::string>& env) {
  for (const auto& [name, value] : env) {
    const auto at = "/env/" + name;
    if (!is_name(name))
      return validation_error("{}: is no name of an environment variable", at).with_param(at);
    if (name.starts_with("LD_"))
      return validation_error("{}: variables of the dynamic linker cannot be set", at).with_param(at);
    if (value.find('\0') != std::string::npos)
      return validation_error("{}: the value holds a zero byte", at).with_param(at);
  }
  return ok();
}

}  // namespace isa::runtime
