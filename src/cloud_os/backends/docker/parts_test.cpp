// The small parts of the backend docker that need no engine.
#include "cloud_os/backends/docker/container_spec.h"
#include "cloud_os/backends/docker/engine.h"
#include "cloud_os/backends/docker/log_frames.h"

#include <gtest/gtest.h>

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
  const auto spec = container_spec({"/d/sandboxes/vm_1"}, Record{}, {"i", "m", "/r", "/p", 1, 1, true});
  for (const auto& mount : host_config(spec).at("Mounts").get_array())
    if (mount.at("Target").get_string() != "/workspace") EXPECT_TRUE(mount.at("ReadOnly").get_bool());
}

}  // namespace
}  // namespace isa::cloud_os::docker
