// What time does to sandboxes. Deadlines are times in the record, so that they hold across restarts; whoever
// acts on one holds the sandbox's turn and looks again, so that a renewal that came first wins.
#include "base/log.h"
#include "base/offload.h"
#include "cloud_os/service.h"
#include "cloud_os/validate.h"

#include <algorithm>
#include <utility>

#include <sys/statvfs.h>

namespace isa::cloud_os {
namespace {

constexpr auto kSweepEvery = std::chrono::seconds(1);
constexpr auto kMeasureSoonest = std::chrono::seconds(2);
constexpr auto kMeasureLatest = std::chrono::seconds(60);
constexpr int kMeasureShare = 50;  // Of the time, one part in so many is spent on measuring one sandbox.
// So much less space on the host since the last look: somebody writes fast, and everyone is measured.
constexpr std::int64_t kSuddenBytes = 64 << 20;

// How far the time of the last use on disk may lag behind: it is not worth a write for every request.
std::chrono::milliseconds use_lag(const Vm& vm) {
  return std::chrono::milliseconds(std::max<std::int64_t>(*vm.idle_timeout_s * 1000 / 8, 250));
}

std::int64_t free_bytes(const std::filesystem::path& folder) {
  struct statvfs status{};
  if (::statvfs(folder.c_str(), &status) != 0) return 0;
  return static_cast<std::int64_t>(status.f_bfree) * static_cast<std::int64_t>(status.f_frsize);
}

}  // namespace

std::optional<std::string_view> Service::why_due(const Sandbox& sandbox) {
  const auto& vm = sandbox.record.vm;
  if (vm.status == VmStatus::deleted) return "deletion_unfinished";
  if (vm.status == VmStatus::paused || vm.status == VmStatus::creating)
    return std::nullopt;  // No clock runs.
  if (vm.expires_at && *vm.expires_at <= now()) return "timeout";
  const bool is_idle = vm.status == VmStatus::running && vm.idle_timeout_s && sandbox.in_use == 0 &&
                       sandbox.used_at + std::chrono::seconds(*vm.idle_timeout_s) <= now();
  return is_idle ? std::optional<std::string_view>("idle") : std::nullopt;
}

Task<void> Service::sweep() {
  for (;;) {
    co_await sleep_for(kSweepEvery);
    std::vector<SandboxPtr> all;
    for (const auto& [id, sandbox] : sandboxes_) all.push_back(sandbox);
    std::map<VmStatus, std::int64_t> states;
    for (const auto& sandbox : all) ++states[sandbox->record.vm.status];
    numbers_.show_states(states);
    for (const auto& sandbox : all) {
      note_use(*sandbox);
      if (why_due(*sandbox))
        co_await end_overdue(sandbox);
      else if (sandbox->record.vm.idle_timeout_s &&
               sandbox->used_at - sandbox->record.used_at >= use_lag(sandbox->record.vm))
        co_await keep_use(sandbox);
    }
  }
}

// Beside sweep(): a tree that takes long to measure must not delay the deadlines of others.
Task<void> Service::watch_disks() {
  auto space = free_bytes(folder_);
  for (;;) {
    co_await sleep_for(kSweepEvery);
    std::vector<SandboxPtr> all;
    for (const auto& [id, sandbox] : sandboxes_) all.push_back(sandbox);
    const auto before = std::exchange(space, free_bytes(folder_));
    const bool is_sudden = space < before - kSuddenBytes;
    for (const auto& sandbox : all) {
      if (is_sudden) sandbox->disk.next = Deadline::Clock::now();
      co_await watch_disk(sandbox);
    }
  }
}

// What the broker carried is use, and so is whoever is connected now.
void Service::note_use(Sandbox& sandbox) const {
  const auto requests = sandbox.broker ? sandbox.broker->counters().requests : 0;
  if (requests != sandbox.broker_requests || sandbox.in_use > 0) sandbox.used_at = now();
  sandbox.broker_requests = requests;
}

Task<void> Service::end_overdue(SandboxPtr sandbox) {
  const auto turn = co_await sandbox->turn.acquire();
  const auto why = why_due(*sandbox);
  if (!why || !sandboxes_.contains(sandbox->id())) co_return;
  log::info("sandbox.overdue", {{"sandbox_id", sandbox->id().value()}, {"why", *why}});
  if (const auto stepped = co_await take_step(sandbox, VmStep::remove); !stepped) co_return;
  std::ignore = co_await destroy(sandbox);
}

Task<void> Service::keep_use(SandboxPtr sandbox) {
  const auto turn = co_await sandbox->turn.acquire();
  if (sandbox->record.vm.status != VmStatus::running) co_return;
  sandbox->record.used_at = sandbox->used_at;
  if (const auto saved = co_await persist(sandbox); !saved)
    log::warn("sandbox.use_not_kept",
              {{"sandbox_id", sandbox->id().value()}, {"message", saved.error().message()}});
}

Task<Result<Vm>> Service::renew(SandboxId id, VmRenew wanted) {
  ISA_CO_TRYV(check(wanted));
  ISA_CO_TRY(const auto sandbox, known(id));
  const auto turn = co_await sandbox->turn.acquire();
  ISA_CO_TRYV(known(id));  // It may have run out while this waited.
  auto& vm = sandbox->record.vm;
  // While it is paused no clock runs: its time begins when the pause began, and is moved when it ends.
  const auto from = vm.status == VmStatus::paused ? sandbox->record.paused_at.value_or(now()) : now();
  const auto before = sandbox->record;
  if (wanted.timeout_s) vm.expires_at = from + std::chrono::seconds(*wanted.timeout_s);
  if (wanted.idle_timeout_s) vm.idle_timeout_s = wanted.idle_timeout_s;
  sandbox->record.used_at = sandbox->used_at = now();
  if (auto saved = co_await persist(sandbox); !saved) {
    sandbox->record = before;
    co_return Failure(std::move(saved).error());
  }
  co_return vm;
}

// Adaptive: sooner the fuller it is, later while nothing changes, never more often than a share of the time.
Task<void> Service::watch_disk(SandboxPtr sandbox) {
  auto& disk = sandbox->disk;
  if (sandbox->record.vm.status != VmStatus::running || Deadline::Clock::now() < disk.next) co_return;
  const auto begin = Deadline::Clock::now();
  const auto measure = [folder = sandbox->dir.workspace()]() -> Result<DiskUsage> {
    return measure_disk(folder);
  };
  const auto used = co_await offload<DiskUsage>(workers_, measure);
  if (!used) co_return;
  const bool is_same = disk.usage.bytes == used->bytes && disk.usage.files == used->files;
  disk.usage = *used;
  const auto took = Deadline::Clock::now() - begin;
  disk.pause =
      is_same ? std::min<Deadline::Clock::duration>(disk.pause * 2, kMeasureLatest) : kMeasureSoonest;
  disk.pause = std::max<Deadline::Clock::duration>(disk.pause, took * kMeasureShare);
  disk.next = Deadline::Clock::now() + disk.pause;
  const auto limit = sandbox->record.vm.limits.disk_size_gb << 30;
  if (used->bytes <= limit && !used->is_beyond_measure) co_return;
  co_await stop_over_limit(sandbox);
}

Task<void> Service::stop_over_limit(SandboxPtr sandbox) {
  const auto turn = co_await sandbox->turn.acquire();
  if (sandbox->record.vm.status != VmStatus::running) co_return;
  log::warn("sandbox.disk_limit", {{"sandbox_id", sandbox->id().value()},
                                   {"bytes", sandbox->disk.usage.bytes},
                                   {"files", sandbox->disk.usage.files}});
  const auto halted = co_await halt(sandbox);
  sandbox->record.vm.exit = VmExit{std::nullopt, 9, "disk limit exceeded"};
  const auto stepped = co_await take_step(sandbox, VmStep::failed);
  if (!halted || !stepped)
    log::error("sandbox.stop_failed", {{"sandbox_id", sandbox->id().value()},
                                       {"message", (halted ? stepped : halted).error().message()}});
}

}  // namespace isa::cloud_os
