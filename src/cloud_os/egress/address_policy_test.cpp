#include "cloud_os/egress/address_policy.h"

#include <gtest/gtest.h>

namespace isa::cloud_os {
namespace {

TEST(AddressPolicy, AddressesOfTheInternetAreAllowed) {
  for (const char* text : {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
                           "126.255.255.255", "128.0.0.1", "169.253.255.255", "172.15.255.255", "172.32.0.0",
                           "192.0.1.0", "192.167.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255",
                           "2606:4700::1111", "2001:200::1", "2a00:1450::1", "2400::1"})
    EXPECT_EQ(why_not_public(asio::ip::make_address(text)), std::nullopt) << text;
}

TEST(AddressPolicy, EverythingElseIsRefused) {
  for (const char* text : {"0.0.0.0",
                           "0.1.2.3",
                           "10.0.0.1",
                           "10.255.255.255",
                           "100.64.0.1",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.255.255.255",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.0.0.192",
                           "192.0.2.1",
                           "192.88.99.1",
                           "192.168.0.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "198.51.100.1",
                           "203.0.113.9",
                           "224.0.0.1",
                           "239.255.255.255",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::127.0.0.1",
                           "::ffff:127.0.0.1",
                           "::ffff:8.8.8.8",
                           "64:ff9b::7f00:1",
                           "64:ff9b:1::7f00:1",
                           "100::1",
                           "2001::1",
                           "2001:1ff::1",
                           "2001:db8::1",
                           "2002:7f00:1::",
                           "3fff::1",
                           "4000::1",
                           "fc00::1",
                           "fd00:ec2::254",
                           "fe80::1",
                           "fec0::1",
                           "ff02::1",
                           "5f00::1"})
    EXPECT_NE(why_not_public(asio::ip::make_address(text)), std::nullopt) << text;
}

TEST(AddressPolicy, AScopedAddressIsLinkLocal) {
  EXPECT_NE(why_not_public(asio::ip::make_address("2606:4700::1%1")), std::nullopt);
}

TEST(AddressPolicy, ThisHostKnowsItsOwnAddresses) {
  EXPECT_TRUE(own_addresses().contains(asio::ip::make_address("127.0.0.1")));
}

}  // namespace
}  // namespace isa::cloud_os
