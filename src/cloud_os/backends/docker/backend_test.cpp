// What only the backend docker does; what every backend does is in the suites of EveryBackend.
#include "cloud_os/backends/docker/backend.h"

#include "cloud_os/testing.h"

namespace isa::cloud_os::testing {
namespace {

class DockerOnly : public EveryBackend {};
INSTANTIATE_TEST_SUITE_P(, DockerOnly, ::testing::Values("docker"),
                         [](const auto& backend) { return std::string(backend.param); });

// The engine that the tests run on.
docker::Engine engine() {
  std::string host = std::getenv("DOCKER_HOST") ? std::getenv("DOCKER_HOST") : "/var/run/docker.sock";
  if (host.starts_with("unix://")) host.erase(0, 7);
  return docker::Engine::connect(host).value();
}

std::string container_of(const Vm& vm) {
  const auto found = engine().list({{"isa.sandbox", vm.vm_id.value()}}).value();
  return found.size() == 1 ? found.front().Id : throw std::runtime_error("not one container");
}

TEST_P(DockerOnly, AProgramThatServesItselfIsReachedOverAPortOfThisHost) {
  with_service([](Service& service) -> Task<void> {
    VmCreate spec;
    spec.network_mode = NetworkMode::bridge;
    spec.container_port = 9000;
    const std::vector<std::string> command = {"/usr/bin/python3", "-m", "http.server", "9000"};
    spec.command = command;
    const auto vm = co_await created(service, spec);
    EXPECT_FALSE(vm.endpoint->unix_.has_value());
    EXPECT_EQ(vm.endpoint->host, "127.0.0.1");
    net::Client client;
    net::ClientRequest request;
    const auto to = net::Endpoint::tcp("127.0.0.1", static_cast<std::uint16_t>(*vm.endpoint->port));
    const auto answer = co_await client.send(to, std::move(request), soon());
    EXPECT_EQ(answer->status, 200);
    // A running one is never started again, so its port stays what it was.
    EXPECT_EQ((co_await service.start(vm.vm_id, soon()))->endpoint->port, vm.endpoint->port);
  });
}

TEST_P(DockerOnly, AProgramThatEndsInsteadOfServingFailsTheCreateWithItsLog) {
  with_service([](Service& service) -> Task<void> {
    VmCreate spec;
    spec.network_mode = NetworkMode::bridge;
    const std::vector<std::string> command = {"/bin/sh", "-c", "echo no luck; exit 4"};
    spec.command = command;
    const auto vm = co_await service.create(spec, soon());
    EXPECT_NE(vm.error().message().find("code 4"), std::string::npos) << vm.error().message();
    EXPECT_NE(vm.error().detail().find("no luck"), std::string::npos) << vm.error().detail();
  });
}

TEST_P(DockerOnly, AServedPortNeedsANetworkAndAnUnknownImageIsNamed) {
  with_service([](Service& service) -> Task<void> {
    VmCreate port;
    port.container_port = 9000;
    const auto without_network = co_await service.create(port, soon());
    EXPECT_EQ(without_network.error().param(), "/network_mode");
    VmCreate image;
    image.image = "isa-no-such-image:1";
    const auto unknown = co_await service.create(image, soon());
    EXPECT_EQ(unknown.error().kind(), ErrorKind::failed_dependency);
    EXPECT_NE(unknown.error().message().find("docker pull isa-no-such-image:1"), std::string::npos);
  });
}

TEST_P(DockerOnly, TheEnginesNetworkIsThereOnlyWhereTheOperatorAllowsIt) {
  const TempFolder folder;
  auto settings = test_settings();
  settings.bridge_network = false;
  const auto backend = probe_docker(settings, folder.path(), Trial::no).take_backend().value();
  VmCreate bridge;
  bridge.network_mode = NetworkMode::bridge;
  const auto refused = backend->accepts(bridge);
  EXPECT_EQ(refused.error().kind(), ErrorKind::not_implemented);
  EXPECT_EQ(refused.error().param(), "/network_mode");
  EXPECT_NE(refused.error().message().find("cloud_os.bridge_network"), std::string::npos);
  EXPECT_TRUE(backend->accepts({}).has_value());
}

TEST_P(DockerOnly, CommandsAndFilesAreRefusedWhereAProgramServesItself) {
  with_service([](Service& service) -> Task<void> {
    VmCreate spec;
    spec.network_mode = NetworkMode::bridge;
    const std::vector<std::string> command = {"/usr/bin/python3", "-m", "http.server", "8888"};
    spec.command = command;
    const auto vm = co_await created(service, spec);
    net::Request question;
    question.target = "/exec";
    const auto refused = co_await service.control(vm.vm_id, question);
    EXPECT_EQ(refused.error().kind(), ErrorKind::not_implemented);
    EXPECT_EQ(refused.error().code(), "sandbox_without_runtime");
  });
}

TEST_P(DockerOnly, SaysWhichImageRuns) {
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    EXPECT_EQ(vm.image, fmt::format("{} {}", test_settings().docker_image,
                                    engine().image(test_settings().docker_image)->Id));
  });
}

TEST_P(DockerOnly, APausedSandboxIsSilentAndGoesOnAfterwards) {
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    const SandboxDir dir{std::filesystem::path(*vm.endpoint->unix_).parent_path()};
    const auto backend = backend_for(dir.root.parent_path().parent_path());
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(backend->pause(dir).has_value());
    EXPECT_TRUE(engine().inspect(container_of(vm))->State.Paused);
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(backend->resume(dir).has_value());
    EXPECT_EQ(co_await shell(vm, "echo awake"), "awake\n[0]");
    const auto stats = backend->stats(dir);
    EXPECT_GT(stats->memory_bytes.value_or(0), 0);
    EXPECT_GE(stats->processes.value_or(0), 1);
    EXPECT_TRUE(backend->pause(dir).has_value());  // And is removed all the same.
  });
}

TEST_P(DockerOnly, NobodyElseGetsTheListenerAndItsDoorIsGone) {
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    EXPECT_EQ(co_await shell(vm, "ls /run/isa"), "broker.sock\n[0]");
    EXPECT_EQ(co_await shell(vm, "find / -name agent.sock 2>/dev/null | wc -l"), "0\n[0]");
  });
}

TEST_P(DockerOnly, AContainerThatSomebodyStartedAnewIsNotTheSandboxThatWas) {
  const TempFolder folder;
  SandboxId id;
  serve(folder.path(), AtEnd::leave_running, [&](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    id = vm.vm_id;
  });
  const auto first = supervisor_of(folder.path(), id);
  const auto container = engine().list({{"isa.sandbox", id.value()}})->front().Id;
  EXPECT_TRUE(engine().kill(container).has_value());
  EXPECT_TRUE(engine().await_end(container, soon()).has_value());
  EXPECT_TRUE(engine().start(container).has_value());
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    EXPECT_EQ((co_await service.find(id))->status, VmStatus::failed);
    EXPECT_FALSE(is_alive(first));
  });
  EXPECT_EQ(traces_of(folder.path()), std::vector<std::string>());
}

TEST_P(DockerOnly, TwoPlatformsOnOneEngineLeaveEachOtherAlone) {
  const TempFolder one, two;
  serve(one.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    EXPECT_TRUE(backend_for(two.path())->enumerate()->empty());
    const auto backend = backend_for(two.path());
    EXPECT_TRUE(backend->kill(dir_of(two.path(), vm.vm_id)).has_value());
    EXPECT_TRUE(backend->reclaim(dir_of(two.path(), vm.vm_id)).has_value());
    EXPECT_EQ(co_await shell(vm, "echo untouched"), "untouched\n[0]");
  });
}

TEST(DockerProbe, AnEngineThatIsNotThereIsNamedWithWhatToDo) {
  const TempFolder folder;
  auto settings = test_settings();
  settings.backend = "docker";
  settings.docker_socket = "/nonexistent/docker.sock";
  const auto refused = probe(settings, folder.path()).take_backend();
  EXPECT_EQ(refused.error().kind(), ErrorKind::failed_dependency);
  for (const auto* part : {"/nonexistent/docker.sock", "docker.io", "cloud_os.docker_socket"})
    EXPECT_NE(refused.error().message().find(part), std::string::npos) << refused.error().message();
}

TEST(DockerProbe, AnEngineOfAnotherMachineIsRefused) {
  const TempFolder folder;
  auto settings = test_settings();
  settings.backend = "docker";
  settings.docker_socket = "tcp://192.0.2.1:2375";
  const auto refused = probe(settings, folder.path()).take_backend();
  EXPECT_NE(refused.error().message().find("no Unix socket"), std::string::npos) << refused.error().message();
}

}  // namespace
}  // namespace isa::cloud_os::testing
