#include "cloud_os/egress/client_hello.h"

#include "cloud_os/egress/test_hello.h"

#include <gtest/gtest.h>

namespace isa::cloud_os {
namespace {

using testing::extension;
using testing::hello_message;
using testing::in_records;
using testing::server_name_extension;

HelloProgress read(const std::string& bytes, ClientHello& to) {
  return read_client_hello(bytes, to);
}

HelloProgress read(const std::string& bytes) {
  ClientHello ignored;
  return read(bytes, ignored);
}

TEST(ClientHello, TheNameOfTheServerIsRead) {
  ClientHello hello;
  ASSERT_EQ(read(in_records(hello_message(server_name_extension("api.example.com"))), hello),
            HelloProgress::complete);
  EXPECT_EQ(hello.server_name, "api.example.com");
  EXPECT_FALSE(hello.hides_name);
}

TEST(ClientHello, AHelloWithoutANameHasNone) {
  ClientHello hello;
  EXPECT_EQ(read(in_records(hello_message("")), hello), HelloProgress::complete);
  EXPECT_EQ(hello.server_name, "");
}

TEST(ClientHello, ItMayArriveByteByByteAndInManyRecords) {
  for (const std::size_t record : {3, 40, 16000}) {
    const auto message = hello_message(server_name_extension("a.example"));
    const auto bytes = in_records(message, record);
    ClientHello hello;
    for (std::size_t seen = 0; seen < bytes.size(); ++seen)
      ASSERT_EQ(read(bytes.substr(0, seen), hello), HelloProgress::incomplete) << seen;
    EXPECT_EQ(read(bytes, hello), HelloProgress::complete);
    EXPECT_EQ(hello.server_name, "a.example");
  }
}

TEST(ClientHello, WhatFollowsItDoesNotMatter) {
  const auto bytes =
      in_records(hello_message(server_name_extension("a.example"))) + std::string("\x14\x03\x03\0\1\1", 6);
  EXPECT_EQ(read(bytes), HelloProgress::complete);
}

TEST(ClientHello, AHiddenNameIsNoticed) {
  ClientHello hello;
  const auto both = server_name_extension("a.example") + extension(0xfe0d, std::string(40, 'x'));
  EXPECT_EQ(read(in_records(hello_message(both)), hello), HelloProgress::complete);
  EXPECT_TRUE(hello.hides_name);
}

TEST(ClientHello, TwoNamesAreMalformed) {
  const auto name = server_name_extension("a.example");
  EXPECT_EQ(read(in_records(hello_message(name + name))), HelloProgress::malformed);
  const std::string one(
      "\0\0\x09"
      "a.example",
      12);
  const std::string list = std::string("\0\x18", 2) + one + one;
  EXPECT_EQ(read(in_records(hello_message(extension(0, list)))), HelloProgress::malformed);
}

TEST(ClientHello, WhatIsNoHelloIsMalformedAtItsFirstByte) {
  EXPECT_EQ(read("GET / HTTP/1.1\r\n"), HelloProgress::malformed);
  EXPECT_EQ(read("SSH-2.0-x"), HelloProgress::malformed);
  EXPECT_EQ(read("\x15\x03\x03"), HelloProgress::malformed);
  EXPECT_EQ(read("\x16\x02"), HelloProgress::malformed);
}

TEST(ClientHello, ARecordThatSaysMoreThanTheHelloIsMalformed) {
  const auto message = hello_message(server_name_extension("a.example")) + "x";
  EXPECT_EQ(read(in_records(message)), HelloProgress::malformed);
}

TEST(ClientHello, ItsSizeIsBounded) {
  EXPECT_EQ(read(std::string("\x16\x03\x01\x40\0\x01\x01\0\0", 9)), HelloProgress::malformed);
  EXPECT_EQ(read(std::string("\x16\x03\x01\0\0", 5)), HelloProgress::malformed);
  EXPECT_EQ(read(in_records(hello_message(server_name_extension("a.example")), 1)), HelloProgress::malformed);
}

}  // namespace
}  // namespace isa::cloud_os
