#include "cloud_os/probe.h"

#include "cloud_os/testing.h"

#include <algorithm>

namespace isa::cloud_os::testing {
namespace {

// The message of the start-up that must be refused.
std::string refusal(const Settings& settings, const std::filesystem::path& data_dir) {
  auto backend = probe(settings, data_dir).take_backend();
  return backend ? "it was not refused" : backend.error().message();
}

class EmptyPath {
 public:
  EmptyPath() : kept_(std::getenv("PATH")) { ::setenv("PATH", "/nonexistent", 1); }
  ~EmptyPath() { ::setenv("PATH", kept_.c_str(), 1); }

 private:
  std::string kept_;
};

TEST(Probe, WithoutBubblewrapItNamesThePackage) {
  const TempFolder folder;
  const EmptyPath no_programs;
  EXPECT_NE(refusal(test_settings(), folder.path()).find("install the package `bubblewrap`"),
            std::string::npos);
}

TEST(Probe, WhereNothingCanIsolateEveryWayOutIsNamed) {
  const TempFolder folder;
  const EmptyPath no_programs;
  auto settings = test_settings();
  settings.backend = "auto";
  settings.docker_socket = "/nonexistent/docker.sock";
  const auto message = refusal(settings, folder.path());
  EXPECT_NE(message.find("install the package `bubblewrap`"), std::string::npos) << message;
  EXPECT_NE(message.find("/nonexistent/docker.sock"), std::string::npos) << message;
}

TEST(Probe, WhatOneBackendLacksIsNoFlawWhereAnotherWorks) {
  ISA_NEEDS_SANDBOXES();
  const TempFolder folder;
  auto settings = test_settings();
  settings.backend = "auto";
  settings.docker_socket = "/nonexistent/docker.sock";
  const auto found = probe(settings, folder.path(), Extent::everything);
  ASSERT_NE(found.backend, nullptr);
  EXPECT_EQ(found.backend->name(), "bubblewrap");
  EXPECT_TRUE(std::ranges::any_of(found.findings, [](const Finding& one) { return one.what == "docker"; }));
  for (const auto& one : found.findings) EXPECT_TRUE(one.is_good || !one.is_required) << one.what;
}

TEST(Probe, AProgramThatIsMissingIsNamedWithItsSetting) {
  const TempFolder folder;
  auto settings = test_settings();
  settings.runtime_path = "/nonexistent/isa-runtime";
  const auto message = refusal(settings, folder.path());
  EXPECT_NE(message.find("/nonexistent/isa-runtime"), std::string::npos) << message;
  EXPECT_NE(message.find("cloud_os.runtime_path"), std::string::npos) << message;
}

TEST(Probe, ADataFolderTooDeepForSocketsIsRefused) {
  const TempFolder folder;
  const auto message = refusal(test_settings(), folder / std::string(80, 'd'));
  EXPECT_NE(message.find("choose a shorter one"), std::string::npos) << message;
}

TEST(Probe, ABackendThatDoesNotExistIsRefused) {
  const TempFolder folder;
  auto settings = test_settings();
  settings.backend = "chroot";
  EXPECT_NE(refusal(settings, folder.path()).find("chroot"), std::string::npos);
}

TEST(Probe, WithoutTheSettingNoBackendThatIsolatesNothingIsUsed) {
  const TempFolder folder;
  auto settings = test_settings();
  settings.backend = "process";
  const auto message = refusal(settings, folder.path());
  EXPECT_NE(message.find("--insecure-no-isolation"), std::string::npos) << message;
  EXPECT_NE(message.find("cloud_os.insecure_no_isolation=true"), std::string::npos) << message;
}

TEST(Probe, RootGetsNoSandboxesWithoutIsolation) {
  if (::geteuid() != 0) GTEST_SKIP() << "this is not root";
  const TempFolder folder;
  auto settings = test_settings();
  settings.backend = "process";
  settings.insecure_no_isolation = true;
  const auto message = refusal(settings, folder.path());
  EXPECT_NE(message.find("run the platform as an ordinary user"), std::string::npos) << message;
}

TEST(Probe, AutoNeverChoosesWhatIsolatesNothing) {
  const TempFolder folder;
  const EmptyPath no_programs;
  auto settings = test_settings();
  settings.backend = "auto";
  settings.docker_socket = "/nonexistent/docker.sock";
  settings.insecure_no_isolation = true;
  const auto found = probe(settings, folder.path(), Extent::everything);
  EXPECT_EQ(found.backend, nullptr);
}

TEST(Probe, SandboxesWithoutIsolationThatAreThereAreLookedAfterWithoutTheSetting) {
  const TempFolder folder;
  auto settings = test_settings();
  settings.backend = "process";
  const auto backend = backend_for_existing(settings, folder.path());
  ASSERT_TRUE(backend.has_value()) << backend.error().message();
  EXPECT_FALSE((*backend)->capabilities().isolates);
  EXPECT_TRUE((*backend)->isolation().starts_with("none"));
}

TEST(Probe, LeavesNothingBehindButItsFolders) {
  ISA_NEEDS_SANDBOXES();
  const TempFolder folder;
  const auto found = probe(test_settings(), folder.path());
  EXPECT_FALSE(std::filesystem::exists(folder / "trial"));
  EXPECT_TRUE(std::filesystem::is_empty(folder / "sandboxes"));
  EXPECT_EQ(traces_of(folder.path()), std::vector<std::string>());
  for (const auto& finding : found.findings) EXPECT_FALSE(finding.message.empty()) << finding.what;
}

}  // namespace
}  // namespace isa::cloud_os::testing
