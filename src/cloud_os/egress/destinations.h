// Where a name leads: looked up outside of the sandbox, and checked before anybody connects.
#pragma once

#include "base/async.h"
#include "base/deadline.h"
#include "cloud_os/egress/rules.h"
#include "net/stream.h"

#include <boost/asio/ip/address.hpp>

#include <map>
#include <memory>

namespace isa::cloud_os {

using Addresses = std::vector<asio::ip::address>;

// Asks whoever knows names. Lives on one event loop and never blocks it.
class NameLookup {
 public:
  virtual ~NameLookup() = default;
  // upstream_error when there is no such name, timeout when nobody answers in time.
  virtual Task<Result<Addresses>> lookup(std::string host, Deadline deadline) = 0;
};

// The system's resolver on threads of its own. A name is taken as it stands: no search domain is appended.
std::unique_ptr<NameLookup> make_system_lookup();

// The operator's own table of hosts, which beats every name server. Being the operator's word, it may lead to
// private addresses, and to a port of its own.
class HostTable {
 public:
  struct Place {
    asio::ip::address address;
    std::uint16_t port = 0;  // 0: the one that is asked for.
  };

  // Of "name=address" or "name=address:port" each; an IPv6 address with a port stands in brackets.
  static Result<HostTable> parse(const std::vector<std::string>& lines);
  const Place* find(const std::string& host) const;

 private:
  std::map<std::string, Place> places_;
};

struct Destination {
  Addresses addresses;  // In the order in which to try them; each may be connected to.
  std::uint16_t port = 0;
};

class Destinations {
 public:
  Destinations(HostTable table, std::unique_ptr<NameLookup> names)
      : table_(std::move(table)), names_(std::move(names)) {}

  // insufficient_permissions with code address_not_allowed when the name leads to no address of the internet.
  Task<Result<Destination>> find(EgressTarget target, Deadline deadline);

 private:
  HostTable table_;
  std::unique_ptr<NameLookup> names_;
};

// To the first of the addresses that accepts. upstream_error or timeout, which name `target`.
Task<Result<net::Socket>> connect(EgressTarget target, Destination destination, Deadline deadline);

}  // namespace isa::cloud_os
