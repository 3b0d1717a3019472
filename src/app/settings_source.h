// Merges the places that settings come from: flags > ISA_* environment > isa.yaml > defaults.
#pragma once

#include "base/settings.h"

#include <optional>
#include <string>
#include <vector>

namespace isa::app {

struct SettingsInput {
  std::optional<std::string> config_file;                  // --config; else ./isa.yaml when it exists.
  std::vector<std::string> assignments;                    // --set name=value
  std::vector<std::pair<std::string, std::string>> flags;  // setting name, value; e.g. from --data-dir
  std::vector<std::string> environment;                    // "NAME=value", as environ holds it
};

// model.openai.api_key -> ISA_MODEL_OPENAI_API_KEY
std::string environment_name(std::string_view setting);

// `known`: every setting there is. An unknown one, wherever it stands, is an error that names its place and,
// when one is close, the name that was probably meant.
Result<config::Source> merge_settings(const SettingsInput& input,
                                      const std::vector<config::Description>& known);

}  // namespace isa::app
