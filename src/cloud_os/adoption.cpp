// Reconciliation: what a former process left behind, and what time does to sandboxes.
#include "base/log.h"
#include "base/offload.h"
#include "cloud_os/remove_tree.h"
#include "cloud_os/service.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include <fcntl.h>
#include <sys/file.h>

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;
constexpr auto kSweepEvery = std::chrono::seconds(1);

}  // namespace

Result<void> Service::take_ownership() {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return internal_error("cannot make {}", folder_.string()).with_detail(error.message());
  lock_ = Descriptor(::open((folder_ / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_) return from_errno(errno, fmt::format("cannot open the lock of {}", folder_.string()));
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return ok();
  return conflict("another process serves the sandboxes in {}; stop it, or use another data folder",
                  folder_.string());
}

// What cannot be read is an error, never an empty finding: from that everything would be concluded to be gone.
Result<Service::Findings> Service::look_around() {
  Findings findings;
  std::error_code error;
  for (fs::directory_iterator at(folder_, error), end; !error && at != end; at.increment(error)) {
    if (!at->is_directory()) continue;
    const SandboxDir dir{at->path()};
    findings.folders.push_back({dir, load(dir)});
  }
  if (error) return internal_error("{} cannot be listed", folder_.string()).with_detail(error.message());
  ISA_TRY(findings.alive, backend_->enumerate());
  return findings;
}

Task<Result<void>> Service::start() {
  const auto look = [this]() -> Result<Findings> {
    ISA_TRYV(take_ownership());
    return look_around();
  };
  ISA_CO_TRY(const auto findings, co_await offload<Findings>(workers_, look));
  std::set<std::string> has_folder;
  for (const auto& found : findings.folders) {
    has_folder.insert(found.dir.id());
    if (found.record)
      co_await adopt(found.dir, *found.record);
    else if (found.record.error().kind() == ErrorKind::not_found)
      co_await remove_unknown(found.dir);  // The last step of a deletion, or the first of a creation.
    else
      log::error("sandbox.record_unreadable",
                 {{"message", found.record.error().message()}, {"detail", found.record.error().detail()}});
  }
  for (const auto& one : findings.alive)
    if (!has_folder.contains(one.id.value())) co_await remove_unknown(SandboxDir{folder_ / one.id.value()});
  tasks_.spawn("cloud_os.sweep", sweep());
  co_return ok();
}

Task<void> Service::adopt(SandboxDir dir, Record record) {
  record.vm.vm_id = SandboxId(dir.id());  // The folder's name is what everything else hangs on.
  const auto status = record.vm.status;
  const auto sandbox = std::make_shared<Sandbox>(executor_, dir, std::move(record));
  sandboxes_.emplace(sandbox->id(), sandbox);
  const auto turn = co_await sandbox->turn.acquire();
  if (status == VmStatus::creating || status == VmStatus::deleted) {
    // Nobody got an answer that it exists, or it was to go.
    std::ignore = co_await take_step(sandbox, VmStep::remove);
    std::ignore = co_await destroy(sandbox);
    co_return;
  }
  if (status != VmStatus::running) co_return;
  const auto find = [this, dir]() -> Result<std::optional<ProcessId>> { return backend_->find(dir); };
  const auto supervisor = co_await offload<std::optional<ProcessId>>(workers_, find);
  if (!supervisor || !*supervisor) co_return co_await settle_lost(sandbox);
  sandbox->supervisor = **supervisor;
  if (const auto opened = co_await open_broker(sandbox); !opened)
    log::error("sandbox.broker_failed", {{"sandbox_id", dir.id()}, {"message", opened.error().message()}});
  tasks_.spawn("cloud_os.watch", watch(sandbox, **supervisor));
  log::info("sandbox.adopted", {{"sandbox_id", dir.id()}});
}

// It ended while nobody watched: its status, if it left one, is the reason.
Task<void> Service::settle_lost(SandboxPtr sandbox) {
  const auto ask = [this, dir = sandbox->dir]() -> Result<VmExit> { return backend_->exit_of(dir); };
  auto exit = co_await offload<VmExit>(workers_, ask);
  std::ignore = co_await halt(sandbox);
  if (exit && !exit->code && !exit->signal) exit->reason = "lost: it was gone when the server started again";
  if (exit) sandbox->record.vm.exit = *exit;
  const bool ended_well = exit && exit->code == 0;
  std::ignore = co_await take_step(sandbox, ended_well ? VmStep::ended : VmStep::failed);
  log::warn("sandbox.lost",
            {{"sandbox_id", sandbox->id().value()}, {"reason", exit ? exit->reason : "unknown"}});
}

Task<void> Service::remove_unknown(SandboxDir dir) {
  const auto remove = [this, dir]() -> Result<void> {
    auto killed = backend_->kill(dir);
    auto reclaimed = backend_->reclaim(dir);
    if (killed && reclaimed) return remove_tree(dir.root);
    return killed ? reclaimed : killed;
  };
  const auto removed = co_await offload<void>(workers_, remove);
  log::warn("sandbox.orphan_removed",
            {{"sandbox_id", dir.id()}, {"problem", removed ? std::string() : removed.error().message()}});
}

// Deadlines are times in the record, so that they hold across restarts; deletions that failed are tried
// again.
Task<void> Service::sweep() {
  for (;;) {
    co_await sleep_for(kSweepEvery);
    std::vector<SandboxId> due;
    for (const auto& [id, sandbox] : sandboxes_) {
      const bool is_late = sandbox->record.expires_at && *sandbox->record.expires_at <= now();
      if (is_late || sandbox->record.vm.status == VmStatus::deleted) due.push_back(id);
    }
    for (const auto& id : due) {
      log::info("sandbox.swept", {{"sandbox_id", id.value()}});
      std::ignore = co_await remove(id);
    }
  }
}

Task<void> Service::stop() {
  is_stopping_ = true;
  // What is half made or half removed serves nobody, and would run on until the next start.
  std::vector<SandboxId> unwanted;
  for (const auto& [id, sandbox] : sandboxes_) {
    const auto status = sandbox->record.vm.status;
    if (status == VmStatus::creating || status == VmStatus::deleted) unwanted.push_back(id);
  }
  for (const auto& id : unwanted) std::ignore = co_await remove(id);
  co_await tasks_.stop();
  for (const auto& [id, sandbox] : sandboxes_) co_await close_broker(sandbox);
  if (sandboxes_.empty()) backend_->retire();
}

Task<Result<void>> Service::stop_all() {
  is_stopping_ = true;
  std::vector<SandboxId> ids;
  for (const auto& [id, sandbox] : sandboxes_) ids.push_back(id);
  std::vector<std::string> failures;
  for (const auto& id : ids)
    if (const auto removed = co_await remove(id); !removed) failures.push_back(removed.error().message());
  co_await stop();
  if (failures.empty()) co_return ok();
  co_return internal_error("{} of {} sandboxes could not be removed: {}", failures.size(), ids.size(),
                           failures.front());
}

}  // namespace isa::cloud_os
