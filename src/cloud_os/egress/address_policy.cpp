#include "cloud_os/egress/address_policy.h"

#include <array>
#include <cstdint>
#include <ifaddrs.h>

#include <netinet/in.h>

namespace isa::cloud_os {
namespace {

struct Block4 {
  std::uint32_t base;
  int bits;
  std::string_view what;
};

constexpr std::uint32_t v4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

constexpr std::array kSpecial4 = {
    Block4{v4(0, 0, 0, 0), 8, "an address of this network"},
    Block4{v4(10, 0, 0, 0), 8, "a private address"},
    Block4{v4(100, 64, 0, 0), 10, "a shared address (CGNAT)"},
    Block4{v4(127, 0, 0, 0), 8, "a loopback address"},
    Block4{v4(169, 254, 0, 0), 16, "a link-local or metadata address"},
    Block4{v4(172, 16, 0, 0), 12, "a private address"},
    Block4{v4(192, 0, 0, 0), 24, "a special-purpose address"},
    Block4{v4(192, 0, 2, 0), 24, "a documentation address"},
    Block4{v4(192, 88, 99, 0), 24, "an address of 6to4 relays"},
    Block4{v4(192, 168, 0, 0), 16, "a private address"},
    Block4{v4(198, 18, 0, 0), 15, "a benchmarking address"},
    Block4{v4(198, 51, 100, 0), 24, "a documentation address"},
    Block4{v4(203, 0, 113, 0), 24, "a documentation address"},
    Block4{v4(224, 0, 0, 0), 4, "a multicast address"},
    Block4{v4(240, 0, 0, 0), 4, "a reserved or broadcast address"},
};

std::optional<std::string_view> why_not_public(std::uint32_t address) {
  for (const auto& block : kSpecial4)
    if ((address ^ block.base) >> (32 - block.bits) == 0) return block.what;
  return std::nullopt;
}

using Bytes6 = asio::ip::address_v6::bytes_type;

constexpr bool begins_with(const Bytes6& address, std::initializer_list<std::uint8_t> prefix) {
  std::size_t at = 0;
  for (const auto byte : prefix)
    if (address[at++] != byte) return false;
  return true;
}

// Only 2000::/3 is given out for the internet; in it some blocks are not.
std::optional<std::string_view> why_not_public(const Bytes6& address) {
  if (begins_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) return "an IPv4-mapped address";
  if (begins_with(address, {0, 0x64, 0xff, 0x9b})) return "a NAT64 address";
  if (address[0] == 0xff) return "a multicast address";
  if ((address[0] & 0xfe) == 0xfc) return "a private address";
  if (address[0] == 0xfe) return "a link-local address";
  if ((address[0] & 0xe0) != 0x20) return "a loopback or special-purpose address";
  if (begins_with(address, {0x20, 0x01}) && (address[2] & 0xfe) == 0)
    return "a Teredo or special-purpose address";
  if (begins_with(address, {0x20, 0x01, 0x0d, 0xb8})) return "a documentation address";
  if (begins_with(address, {0x20, 0x02})) return "a 6to4 address";
  if (begins_with(address, {0x3f, 0xff}) && (address[2] & 0xf0) == 0) return "a documentation address";
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> why_not_public(const asio::ip::address& address) {
  if (address.is_v4()) return why_not_public(address.to_v4().to_uint());
  const auto v6 = address.to_v6();
  if (v6.scope_id() != 0) return "a link-local address";
  return why_not_public(v6.to_bytes());
}

std::set<asio::ip::address> own_addresses() {
  std::set<asio::ip::address> own;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return own;
  for (const auto* entry = first; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    if (entry->ifa_addr->sa_family == AF_INET) {
      const auto& name = *reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
      own.insert(asio::ip::address_v4(ntohl(name.sin_addr.s_addr)));
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      const auto& name = *reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
      Bytes6 bytes;
      std::copy_n(name.sin6_addr.s6_addr, bytes.size(), bytes.begin());
      own.insert(asio::ip::address_v6(bytes));
    }
  }
  ::freeifaddrs(first);
  return own;
}

}  // namespace isa::cloud_os
