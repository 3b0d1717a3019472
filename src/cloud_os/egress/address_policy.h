#pragma once

#include <boost/asio/ip/address.hpp>

#include <optional>
#include <set>
#include <string_view>

namespace isa::cloud_os {

namespace asio = boost::asio;

// Why nobody in a sandbox may be connected to that address; nothing when it is an ordinary one of the
// internet. Refused is everything that IANA's registries of special-purpose addresses hold (RFC 6890):
// private, loopback, link-local (and so the metadata services of clouds), shared (CGNAT), multicast,
// documentation; and every IPv6 form that carries an IPv4 address (mapped, NAT64, 6to4, Teredo).
std::optional<std::string_view> why_not_public(const asio::ip::address& address);

// The addresses of this host's own interfaces: from here they lead around every firewall. Blocks shortly.
std::set<asio::ip::address> own_addresses();

}  // namespace isa::cloud_os
