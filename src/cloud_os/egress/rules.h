#pragma once

#include "net/host_pattern.h"

#include <vector>

namespace isa::cloud_os {

// Where a request from inside wants to go; `host` is a net::normal_host().
struct EgressTarget {
  std::string host;
  std::uint16_t port = 0;

  std::string to_string() const { return fmt::format("{}:{}", host, port); }
};

// An allow-list. A rule without a port stands for 443 by CONNECT and 80 by plain HTTP.
class EgressRules {
 public:
  // validation_error of /egress/<n>, with what is wrong with that rule.
  static Result<EgressRules> parse(const std::vector<std::string>& rules);
  void add(const EgressRules& others);

  // The first rule that lets `target` through; null when none does.
  const net::HostPattern* find(const EgressTarget& target) const;
  bool empty() const { return patterns_.empty(); }
  std::vector<std::string> to_strings() const;

 private:
  std::vector<net::HostPattern> patterns_;
};

}  // namespace isa::cloud_os
