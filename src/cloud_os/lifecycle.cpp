// How one sandbox comes, runs and goes.
#include "base/log.h"
#include "base/offload.h"
#include "cloud_os/remove_tree.h"
#include "cloud_os/service.h"
#include "cloud_os/unix_listener.h"

#include <boost/asio/posix/stream_descriptor.hpp>

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLogTail = 2000;
constexpr auto kEndPatience = std::chrono::milliseconds(500);
constexpr auto kPortPause = std::chrono::milliseconds(20);

Result<void> make_folders(const SandboxDir& dir) {
  std::error_code error;
  for (const auto& folder : {dir.root, dir.broker(), dir.workspace()}) {
    if (!error) fs::create_directories(folder, error);
    // The broker's folder is read inside by the sandbox's user; outside, its parent is closed.
    const auto readable = folder == dir.broker() ? fs::perms(0755) : fs::perms(0700);
    if (!error) fs::permissions(folder, readable, error);
  }
  if (error) return internal_error("cannot make the folder of a sandbox").with_detail(error.message());
  return ok();
}

// Everything but the record, then the record, then the folder. What stays is found by the next attempt.
Result<void> remove_folder(const SandboxDir& dir, bool with_record) {
  std::error_code error;
  Result<void> status = ok();
  for (const auto& entry : fs::directory_iterator(dir.root, error)) {
    if (entry.path() == dir.record()) continue;
    if (auto removed = remove_tree(entry.path()); !removed && status) status = std::move(removed);
  }
  if (status && with_record) status = remove_tree(dir.root);
  if (status) return status;
  return internal_error("the files of sandbox {} cannot be removed", dir.id())
      .with_detail(status.error().message() + " " + status.error().detail());
}

}  // namespace

Task<Result<void>> Service::persist(SandboxPtr sandbox) {
  const auto write = [dir = sandbox->dir, record = sandbox->record] { return save(dir, record); };
  co_return co_await offload<void>(workers_, write);
}

Task<Result<void>> Service::take_step(SandboxPtr sandbox, VmStep step) {
  ISA_CO_TRY(sandbox->record.vm.status, next_status(sandbox->record.vm.status, step));
  log::info("sandbox.state",
            {{"sandbox_id", sandbox->id().value()},
             {"status", json::name_of(sandbox->record.vm.status)},
             {"step", json::name_of(step)},
             {"user_id", sandbox->record.vm.user_id ? sandbox->record.vm.user_id->value() : ""}});
  sandbox->changed.notify();
  // A deletion whose folder was never made, or is gone already, has nothing to remember.
  if (sandbox->record.vm.status == VmStatus::deleted && !fs::exists(sandbox->dir.root)) co_return ok();
  co_return co_await persist(sandbox);
}

Task<Result<void>> Service::open_broker(SandboxPtr sandbox) {
  co_await close_broker(sandbox);
  const auto listen = [dir = sandbox->dir] { return listen_unix(dir.broker_socket(), 0666); };
  ISA_CO_TRY(auto listener, co_await offload<Descriptor>(workers_, listen));
  ISA_CO_TRY(auto floor, EgressRules::parse(sandbox->record.egress));
  sandbox->broker = std::make_unique<Broker>(executor_, sandbox->id(), std::move(floor), brokerage_);
  if (sandbox->record.binding) sandbox->broker->bind(*sandbox->record.binding);
  if (sandbox->record.allotment) sandbox->broker->tally().restore(*sandbox->record.allotment);
  sandbox->broker->on_counted([this, at = std::weak_ptr(sandbox)] {
    if (const auto counted = at.lock()) keep_count(counted);
  });
  co_return sandbox->broker->serve(std::move(listener));
}

Task<void> Service::close_broker(SandboxPtr sandbox) {
  if (!sandbox->broker) co_return;
  co_await sandbox->broker->stop();
  sandbox->record.allotment = sandbox->broker->tally().kept();
  sandbox->broker.reset();
}

Task<Result<void>> Service::launch(SandboxPtr sandbox, Deadline deadline) {
  const auto prepare = [dir = sandbox->dir, record = sandbox->record]() -> Result<void> {
    ISA_TRYV(make_folders(dir));
    return save(dir, record);
  };
  ISA_CO_TRYV(co_await offload<void>(workers_, prepare));
  ISA_CO_TRYV(co_await open_broker(sandbox));
  const auto spawn = [this, dir = sandbox->dir, record = sandbox->record] {
    return backend_->spawn(dir, record);
  };
  ISA_CO_TRY(const auto spawned, co_await offload<Spawned>(workers_, spawn));
  sandbox->supervisor = spawned.supervisor;
  if (!spawned.image.empty()) sandbox->record.vm.image = spawned.image;
  if (spawned.host_port)
    sandbox->record.vm.endpoint = VmEndpoint{std::nullopt, "127.0.0.1", spawned.host_port};
  tasks_.spawn("cloud_os.watch", watch(sandbox, *sandbox->supervisor));
  ISA_CO_TRYV(co_await await_health(sandbox, deadline));
  sandbox->record.vm.started_at = now();
  sandbox->record.used_at = sandbox->used_at = now();
  co_return co_await take_step(sandbox, VmStep::answered);
}

Task<Result<void>> Service::await_health(SandboxPtr sandbox, Deadline deadline) {
  if (sandbox->record.serves_itself()) co_return co_await await_port(sandbox, deadline);
  // The socket listens already, so one question is enough: it waits in the queue until the runtime accepts,
  // and fails at once when the sandbox dies, which closes the socket.
  net::ClientRequest question;
  question.target = "/health";
  question.peer = "the runtime of sandbox " + sandbox->id().value();
  const auto endpoint = net::Endpoint::unix_socket(sandbox->dir.agent_socket().string());
  auto answer = co_await client_.send(endpoint, std::move(question), deadline);
  if (answer && answer->status == 200) co_return ok();
  if (answer)
    co_return upstream_error("the runtime of sandbox {} answers {} to /health", sandbox->id().value(),
                             answer->status);
  co_return co_await why_not_ready(sandbox, std::move(answer).error());
}

// The engine's end of a published port takes connections before the program inside listens, and nobody tells
// when it does: so it is asked until it answers, whatever it answers.
Task<Result<void>> Service::await_port(SandboxPtr sandbox, Deadline deadline) {
  const auto& at = *sandbox->record.vm.endpoint;
  const auto endpoint = net::Endpoint::tcp(*at.host, static_cast<std::uint16_t>(*at.port));
  for (;;) {
    net::ClientRequest question;
    question.target = "/health";
    auto answer = co_await client_.send(endpoint, std::move(question), deadline);
    if (answer) co_return ok();
    if (deadline.passed() || !is_alive(*sandbox->supervisor))
      co_return co_await why_not_ready(sandbox, std::move(answer).error());
    co_await sleep_for(kPortPause);
  }
}

Task<Error> Service::why_not_ready(SandboxPtr sandbox, Error failure) {
  const auto look = [this, dir = sandbox->dir, supervisor = *sandbox->supervisor,
                     failure = std::move(failure)]() -> Result<void> {
    auto log = backend_->logs(dir).value_or("");
    if (log.size() > kLogTail) log.erase(0, log.size() - kLogTail);
    if (!wait_until_gone(supervisor,
                         failure.kind() == ErrorKind::timeout ? std::chrono::milliseconds(0) : kEndPatience))
      return timeout("sandbox {} did not become ready in time; its log may say why", dir.id())
          .with_detail(log);
    const auto exit = backend_->exit_of(dir);
    return internal_error("sandbox {} ended before it was ready: {}{}", dir.id(), exit.reason,
                          exit.code ? fmt::format(" with code {}", *exit.code) : "")
        .with_detail(log);
  };
  auto looked = co_await offload<void>(workers_, look);
  if (looked) co_return internal_error("sandbox {} is not ready", sandbox->id().value());
  co_return std::move(looked).error();
}

Task<Result<void>> Service::halt(SandboxPtr sandbox) {
  sandbox->supervisor.reset();
  const auto kill = [this, dir = sandbox->dir]() -> Result<void> {
    auto killed = backend_->kill(dir);
    auto reclaimed = backend_->reclaim(dir);
    return killed ? reclaimed : killed;
  };
  auto killed = co_await offload<void>(workers_, kill);
  co_await close_broker(sandbox);
  co_return killed;
}

Task<Result<void>> Service::destroy(SandboxPtr sandbox) {
  // Kill -> control groups -> sockets -> files -> record; a step that fails keeps the record, so that the
  // next sweep tries again, but never the later steps from being done.
  auto halted = co_await halt(sandbox);
  const auto clear = [dir = sandbox->dir, is_clean = halted.has_value()] {
    return remove_folder(dir, is_clean);
  };
  auto removed = co_await offload<void>(workers_, clear);
  if (halted && removed) {
    sandboxes_.erase(sandbox->id());
    co_return ok();
  }
  auto error = halted ? std::move(removed).error() : std::move(halted).error();
  log::error(
      "sandbox.remove_failed",
      {{"sandbox_id", sandbox->id().value()}, {"message", error.message()}, {"detail", error.detail()}});
  co_return Failure(std::move(error));
}

Task<void> Service::discard(SandboxPtr sandbox) {
  const auto id = sandbox->id();
  const auto removed = co_await remove(id);
  log::info("sandbox.discarded", {{"sandbox_id", id.value()}, {"clean", removed.has_value()}});
}

Task<void> Service::watch(SandboxPtr sandbox, ProcessId supervisor) {
  if (const int fd = open_process(supervisor); fd >= 0) {
    asio::posix::stream_descriptor process(executor_, fd);
    co_await process.async_wait(asio::posix::stream_descriptor::wait_read, use_task);
  }
  reap(supervisor);
  const auto turn = co_await sandbox->turn.acquire();
  // Somebody who meant it to end, or started it anew, has taken care of the rest.
  const auto status = sandbox->record.vm.status;
  if (sandbox->supervisor != supervisor || (status != VmStatus::running && status != VmStatus::paused))
    co_return;
  const auto ask = [this, dir = sandbox->dir]() -> Result<VmExit> { return backend_->exit_of(dir); };
  const auto exit = co_await offload<VmExit>(workers_, ask);
  const auto halted = co_await halt(sandbox);
  if (exit) sandbox->record.vm.exit = *exit;
  const bool ended_well = exit && exit->code == 0;
  const auto stepped = co_await take_step(sandbox, ended_well ? VmStep::ended : VmStep::failed);
  log::warn("sandbox.ended", {{"sandbox_id", sandbox->id().value()},
                              {"reason", exit ? exit->reason : "unknown"},
                              {"clean", halted.has_value() && stepped.has_value()}});
}

}  // namespace isa::cloud_os
