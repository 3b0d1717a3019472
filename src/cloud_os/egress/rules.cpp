#include "cloud_os/egress/rules.h"

#include <algorithm>

namespace isa::cloud_os {
namespace {

constexpr std::size_t kRulesMax = 256;
constexpr std::uint16_t kUsualPorts[] = {443, 80};

}  // namespace

Result<EgressRules> EgressRules::parse(const std::vector<std::string>& rules) {
  if (rules.size() > kRulesMax)
    return validation_error("an allow-list has at most {} rules", kRulesMax).with_param("/egress");
  EgressRules parsed;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    auto pattern = net::HostPattern::parse(rules[i]);
    if (!pattern) return std::move(pattern).error().with_param(fmt::format("/egress/{}", i));
    parsed.patterns_.push_back(*std::move(pattern));
  }
  return parsed;
}

void EgressRules::add(const EgressRules& others) {
  patterns_.insert(patterns_.end(), others.patterns_.begin(), others.patterns_.end());
}

const net::HostPattern* EgressRules::find(const EgressTarget& target) const {
  const auto found = std::ranges::find_if(patterns_, [&](const net::HostPattern& rule) {
    const bool port_fits =
        rule.port ? *rule.port == target.port : std::ranges::count(kUsualPorts, target.port) > 0;
    return port_fits && rule.matches(target.host);
  });
  return found == patterns_.end() ? nullptr : &*found;
}

std::vector<std::string> EgressRules::to_strings() const {
  std::vector<std::string> texts;
  for (const auto& pattern : patterns_) texts.push_back(pattern.to_string());
  return texts;
}

}  // namespace isa::cloud_os
