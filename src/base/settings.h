// Configuration, declared once: defaults, parsing, validation, `isa config --explain` and docs/ follow from
// it.
//
//   struct ModelConfig {
//     std::string default_model = "builtin/demo";
//     static constexpr auto settings() {
//       return std::tuple(setting("model.default", &ModelConfig::default_model, "model of agents that name
//       none"));
//     }
//   };
//
// A Source is a flat map from dotted name to text, already merged by precedence: flags > ISA_* environment >
// isa.yaml > defaults (src/app/settings_source.cpp makes it).
#pragma once

#include "base/result.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace isa::config {

struct Value {
  std::string text;
  std::string origin;  // "--data-dir", "ISA_DATA_DIR", "isa.yaml:12"; said in errors.
};
using Source = std::map<std::string, Value, std::less<>>;

template <class Section, class T>
struct Setting {
  std::string_view name;
  T Section::* member;
  std::string_view help;
  bool is_secret = false;  // Printed as ***.
};

template <class Section, class T>
constexpr Setting<Section, T> setting(std::string_view name, T Section::* member, std::string_view help) {
  return {name, member, help, false};
}
template <class Section, class T>
constexpr Setting<Section, T> secret(std::string_view name, T Section::* member, std::string_view help) {
  return {name, member, help, true};
}

// Durations need a unit: 250ms, 30s, 5m, 2h. Lists are separated by commas.
Result<void> assign(std::string& to, std::string_view from);
Result<void> assign(std::int64_t& to, std::string_view from);
Result<void> assign(double& to, std::string_view from);
Result<void> assign(bool& to, std::string_view from);
Result<void> assign(std::chrono::milliseconds& to, std::string_view from);
Result<void> assign(std::vector<std::string>& to, std::string_view from);

std::string show(const std::string& value);
std::string show(std::int64_t value);
std::string show(double value);
std::string show(bool value);
std::string show(std::chrono::milliseconds value);
std::string show(const std::vector<std::string>& value);

// Reads one section and removes from `unread` the names that it knows; what is left there at the end is a
// misspelling, and the caller's error.
template <class Section>
Result<Section> read(const Source& source, std::set<std::string, std::less<>>& unread) {
  Section section;
  Result<void> status = ok();
  const auto one = [&](const auto& setting) {
    const auto found = source.find(setting.name);
    if (found == source.end() || !status) return;
    if (const auto known = unread.find(setting.name); known != unread.end()) unread.erase(known);
    auto assigned = assign(section.*setting.member, found->second.text);
    if (!assigned)
      status = validation_error("{} (from {}): {}", setting.name, found->second.origin,
                                assigned.error().message());
  };
  std::apply([&](const auto&... settings) { (one(settings), ...); }, Section::settings());
  if (!status) return Failure(std::move(status).error());
  return section;
}

struct Description {
  std::string name, value, help;
};
template <class Section>
void describe(const Section& section, std::vector<Description>& to) {
  const auto one = [&](const auto& setting) {
    auto text = show(section.*setting.member);
    if (setting.is_secret && !text.empty()) text = "***";
    to.push_back({std::string(setting.name), std::move(text), std::string(setting.help)});
  };
  std::apply([&](const auto&... settings) { (one(settings), ...); }, Section::settings());
}

}  // namespace isa::config
