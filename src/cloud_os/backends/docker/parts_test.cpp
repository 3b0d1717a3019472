// The small parts of the backend docker that need no engine.
#include "cloud_os/backends/docker/container_spec.h"
#include "cloud_os/backends/docker/engine.h"
#include "cloud_os/backends/docker/log_frames.h"
#include "cloud_os/backends/docker/seccomp_profile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace isa::cloud_os::docker {
namespace {

using namespace std::string_literals;

TEST(DockerLog, TextOfBothStreamsComesInOrder) {
  EXPECT_EQ(text_of_frames("\x01\0\0\0\0\0\0\x02"
                           "ab"
                           "\x02\0\0\0\0\0\0\x01"
                           "c"s),
            "abc");
}

TEST(DockerLog, AFrameThatWasCutOffCountsAsFarAsItCame) {
  EXPECT_EQ(text_of_frames("\x01\0\0\0\0\0\0\x09"
                           "ab"s),
            "ab");
  EXPECT_EQ(text_of_frames("\x01\0\0\0\0"s), "");
}

TEST(DockerLog, WhatIsNoFrameEndsTheText) {
  EXPECT_EQ(text_of_frames("\x01\0\0\0\0\0\0\x01"
                           "a"
                           "plain text"s),
            "a");
}

TEST(DockerEngine, VersionsCompareAsNumbers) {
  EXPECT_LT(parse_version("1.9"), parse_version("1.41"));
  for (const auto* text : {"", "1", "1.", ".1", "1.x", "1.41 ", "v1.41"})
    EXPECT_FALSE(parse_version(text).has_value()) << text;
}

const json::object& host_config(const json::object& spec) {
  return spec.at("HostConfig").get_object();
}

TEST(DockerSpec, AnAgentSandboxHasNoNetworkAndNoPort) {
  const auto spec = container_spec({"/d/sandboxes/vm_1"}, Record{}, {});
  EXPECT_EQ(host_config(spec).at("NetworkMode").get_string(), "none");
  EXPECT_FALSE(host_config(spec).contains("PortBindings"));
  EXPECT_TRUE(host_config(spec).at("ReadonlyRootfs").get_bool());
}

TEST(DockerSpec, APortIsPublishedToThisHostAlone) {
  Record record;
  record.container_port = 9000;
  record.vm.network_mode = NetworkMode::bridge;
  const auto spec = container_spec({"/d/sandboxes/vm_1"}, record, {});
  const auto& bindings = host_config(spec).at("PortBindings").at("9000/tcp").get_array();
  EXPECT_EQ(bindings.at(0).at("HostIp").get_string(), "127.0.0.1");
  EXPECT_FALSE(spec.contains("Entrypoint")) << "the image's own program was replaced";
}

TEST(DockerSpec, NothingThatCouldBeUsedToReachTheEngineIsMounted) {
  const auto spec = container_spec({"/d/sandboxes/vm_1"}, Record{}, {"i", "m", "/r", "/p", 1, 1, true, {}});
  for (const auto& mount : host_config(spec).at("Mounts").get_array())
    if (mount.at("Target").get_string() != "/workspace") EXPECT_TRUE(mount.at("ReadOnly").get_bool());
}

TEST(DockerSpec, WhatAnImageDeclaresAsAVolumeIsMemoryWithALimit) {
  SpecInput from;
  from.volumes = {"/data", "/workspace", "/tmp"};
  const auto spec = container_spec({"/d/sandboxes/vm_1"}, Record{}, from);
  const auto& in_memory = host_config(spec).at("Tmpfs").get_object();
  EXPECT_EQ(in_memory.size(), 2U) << "the workspace is mounted anyway";
  for (const auto* place : {"/tmp", "/data"}) {
    const std::string options(in_memory.at(place).get_string());
    EXPECT_NE(options.find(fmt::format(",size={}", Record{}.vm.limits.memory_mb << 19)), std::string::npos)
        << options;
    EXPECT_NE(options.find("nosuid,nodev"), std::string::npos) << options;
  }
}

// What the profile says of a request of ioctl.
bool allows_ioctl(std::uint64_t request) {
  static const auto profile = seccomp_profile();
  for (const auto& rule : profile.at("syscalls").get_array()) {
    const auto& names = rule.at("names").get_array();
    if (std::ranges::find(names, json::value("ioctl")) == names.end()) continue;
    const auto* conditions = rule.get_object().if_contains("args");
    if (!conditions) return true;
    if (std::ranges::all_of(conditions->get_array(), [&](const json::value& one) {
          return one.at("index").to_number<unsigned>() == 1 &&
                 (request & one.at("value").to_number<std::uint64_t>()) ==
                     one.at("valueTwo").to_number<std::uint64_t>();
        }))
      return true;
  }
  return false;
}

TEST(DockerProfile, RefusesTheDangerousRequestsOfIoctlAndNoOthers) {
  const std::set<std::uint64_t> refused{0x5412, 0x541c, 0x541d};  // TIOCSTI, TIOCLINUX, TIOCCONS
  for (std::uint64_t request = 0; request < 0x10000; ++request)
    EXPECT_NE(allows_ioctl(request), refused.contains(request)) << request;
  for (const std::uint64_t request : {0x8000'0000U, 0xffff'ffffU, 0xc020'660bU, 0x0001'5412U})
    EXPECT_TRUE(allows_ioctl(request)) << request;
  for (const auto request : refused) {
    EXPECT_FALSE(allows_ioctl(request | std::uint64_t{1} << 32))
        << "the kernel does not look at the upper bits";
    EXPECT_FALSE(allows_ioctl(request | std::uint64_t{1} << 63));
  }
}

}  // namespace
}  // namespace isa::cloud_os::docker
