#include "app/settings_source.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

namespace isa::app {
namespace {

// Variables of ours that are no settings: they tell client commands where the platform is (main.cpp).
constexpr std::string_view kOtherVariables[] = {"ISA_URL", "ISA_USER", "ISA_API_KEY", "ISA_CONFIG"};

// The usual variables of the providers' own tools, so that a machine that is set up for those just works.
constexpr std::pair<std::string_view, std::string_view> kProviderVariables[] = {
    {"OPENAI_API_KEY", "model.openai.api_key"},
    {"ANTHROPIC_API_KEY", "model.anthropic.api_key"},
};

bool is_known(std::string_view name, const std::vector<config::Description>& known) {
  return std::ranges::any_of(known, [&](const auto& setting) { return setting.name == name; });
}

// Levenshtein distance; the names are short.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

Error unknown_setting(std::string_view name, std::string_view origin,
                      const std::vector<config::Description>& known) {
  const auto closest = std::ranges::min_element(
      known, {}, [&](const config::Description& setting) { return distance(name, setting.name); });
  std::string hint = "`isa config --explain` lists them all";
  if (closest != known.end() && distance(name, closest->name) <= 4)
    hint = "did you mean " + closest->name + "?";
  return validation_error("there is no setting '{}' (from {}); {}", name, origin, hint);
}

Result<void> flatten(const YAML::Node& node, const std::string& prefix, const std::string& file,
                     config::Source& to) {
  const auto origin = fmt::format("{}:{}", file, node.Mark().line + 1);
  switch (node.Type()) {
    case YAML::NodeType::Map:
      for (const auto& entry : node) {
        const auto name = (prefix.empty() ? "" : prefix + ".") + entry.first.as<std::string>();
        ISA_TRYV(flatten(entry.second, name, file, to));
      }
      return ok();
    case YAML::NodeType::Sequence: {
      std::string joined;
      for (const auto& item : node) {
        if (!item.IsScalar()) return validation_error("{}: a list may hold plain values only", origin);
        joined += (joined.empty() ? "" : ",") + item.as<std::string>();
      }
      to[prefix] = {joined, origin};
      return ok();
    }
    case YAML::NodeType::Scalar: to[prefix] = {node.as<std::string>(), origin}; return ok();
    case YAML::NodeType::Null:
    case YAML::NodeType::Undefined: return ok();
  }
  return ok();
}

Result<void> read_file(const std::string& file, config::Source& to) {
  try {
    const auto document = YAML::LoadFile(file);
    if (document.IsNull()) return ok();
    if (!document.IsMap())
      return validation_error("{}: the settings file must be a map of names to values", file);
    return flatten(document, "", file, to);
  } catch (const YAML::BadFile&) {
    return validation_error("{}: cannot read the settings file; check that it exists and may be read", file);
  } catch (const YAML::Exception& e) {
    return validation_error("{}:{}: not valid YAML: {}", file, e.mark.line + 1, e.msg);
  }
}

Result<void> read_environment(const std::vector<std::string>& environment,
                              const std::vector<config::Description>& known, config::Source& to) {
  std::map<std::string, std::string> names;
  for (const auto& setting : known) names[environment_name(setting.name)] = setting.name;
  for (const auto& entry : environment) {
    const auto equals = entry.find('=');
    const auto variable = entry.substr(0, equals);
    const auto value = equals == std::string::npos ? "" : entry.substr(equals + 1);
    for (const auto& [provider, setting] : kProviderVariables) {
      if (variable == provider && !value.empty()) to.try_emplace(std::string(setting), value, variable);
    }
    if (!variable.starts_with("ISA_") || std::ranges::count(kOtherVariables, std::string_view(variable)) > 0)
      continue;
    const auto found = names.find(variable);
    if (found == names.end()) {
      std::string guess = variable.substr(4);
      std::ranges::transform(guess, guess.begin(), [](unsigned char c) { return std::tolower(c); });
      return unknown_setting(guess, "the environment variable " + variable, known);
    }
    to[found->second] = {value, variable};
  }
  return ok();
}

}  // namespace

std::string environment_name(std::string_view setting) {
  std::string name = "ISA_";
  for (const char c : setting)
    name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

Result<config::Source> merge_settings(const SettingsInput& input,
                                      const std::vector<config::Description>& known) {
  config::Source merged;
  std::error_code ignored;
  if (input.config_file) {
    ISA_TRYV(read_file(*input.config_file, merged));
  } else if (std::filesystem::exists("isa.yaml", ignored)) {
    ISA_TRYV(read_file("isa.yaml", merged));
  }
  ISA_TRYV(read_environment(input.environment, known, merged));
  for (const auto& [name, value] : input.flags) merged[name] = {value, "the command line"};
  for (const auto& assignment : input.assignments) {
    const auto equals = assignment.find('=');
    if (equals == std::string::npos) return validation_error("--set {}: write it as name=value", assignment);
    merged[assignment.substr(0, equals)] = {assignment.substr(equals + 1), "--set"};
  }
  for (const auto& [name, value] : merged) {
    if (!is_known(name, known)) return unknown_setting(name, value.origin, known);
  }
  return merged;
}

}  // namespace isa::app
