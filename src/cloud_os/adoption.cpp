// Reconciliation: what a former process left behind.
#include "base/log.h"
#include "base/offload.h"
#include "cloud_os/leftovers.h"
#include "cloud_os/service.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;
constexpr auto kLookSoonest = std::chrono::seconds(1);
constexpr auto kLookLatest = std::chrono::seconds(30);

// A sandbox of another backend would be looked for in the wrong place, found gone, and left running for ever.
Result<void> check_backend(const Record& record, std::string_view backend) {
  if (!may_run(record.vm.status) || record.vm.backend.empty() || record.vm.backend == backend) return ok();
  return conflict(
      "sandbox {} was started by the backend {}, and the backend is {} now; set cloud_os.backend={} until "
      "the last of those is removed",
      record.vm.vm_id.value(), record.vm.backend, backend, record.vm.backend);
}

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

// What cannot be read is an error, never an empty finding: from that everything would be concluded to be
// gone. A folder without a record, which comes before anything is started, is removed: the former process
// died between the two, and until start() is over nobody makes another.
Result<std::vector<Record>> Service::take_stock() const {
  std::vector<Record> records;
  std::vector<SandboxDir> unfinished;
  std::error_code error;
  for (fs::directory_iterator at(folder_, error), end; !error && at != end; at.increment(error)) {
    if (!at->is_directory()) continue;
    const SandboxDir dir{at->path()};
    auto record = load(dir);
    if (record) {
      record->vm.vm_id = SandboxId(dir.id());  // The folder's name is what everything else hangs on.
      records.push_back(std::move(*record));
    } else if (record.error().kind() == ErrorKind::not_found) {
      unfinished.push_back(dir);
    } else {
      log::error("sandbox.record_unreadable",
                 {{"message", record.error().message()}, {"detail", record.error().detail()}});
    }
  }
  if (error) return internal_error("{} cannot be listed", folder_.string()).with_detail(error.message());
  for (const auto& dir : unfinished)
    if (const auto removed = remove_leftover(dir, *backend_); !removed)
      log::warn("sandbox.not_removed", {{"sandbox_id", dir.id()}, {"message", removed.error().message()}});
  return records;
}

// Every sandbox is known when this returns; what became of each is found out meanwhile, in parallel. Until
// then its turn is taken, and who asks for it waits.
Task<Result<void>> Service::start() {
  const auto read = [this]() -> Result<std::vector<Record>> {
    ISA_TRYV(take_ownership());
    return take_stock();
  };
  ISA_CO_TRY(auto records, co_await offload<std::vector<Record>>(workers_, read));
  for (const auto& record : records) ISA_CO_TRYV(check_backend(record, backend_->name()));
  ISA_CO_TRYV(co_await keys_.start());
  if (!backend_->capabilities().isolates)
    log::warn("sandbox.no_isolation", {{"backend", backend_->name()}, {"isolation", backend_->isolation()}});
  for (auto& record : records) {
    const SandboxDir dir{folder_ / record.vm.vm_id.value()};
    const auto sandbox = std::make_shared<Sandbox>(executor_, dir, std::move(record));
    sandboxes_.emplace(sandbox->id(), sandbox);
    sandbox->is_settled = false;
    tasks_.spawn("cloud_os.adopt", adopt(sandbox));
  }
  tasks_.spawn("cloud_os.sweep", sweep());
  tasks_.spawn("cloud_os.watch_disks", watch_disks());
  tasks_.spawn("cloud_os.leftovers", remove_leftovers());
  co_return ok();
}

Task<void> Service::adopt(SandboxPtr sandbox) {
  const auto turn = co_await sandbox->turn.acquire();
  auto& record = sandbox->record;
  const auto status = record.vm.status;
  // What is on disk may be older than the last use: never end a sandbox for that.
  sandbox->used_at = now();
  if (status == VmStatus::creating || status == VmStatus::deleted) {
    // Nobody got an answer that it exists, or it was to go.
    std::ignore = co_await take_step(sandbox, VmStep::remove);
    std::ignore = co_await destroy(sandbox);
  } else if (status == VmStatus::running || status == VmStatus::paused) {
    if (const auto opened = co_await open_broker(sandbox); !opened)
      log::error("sandbox.broker_failed",
                 {{"sandbox_id", sandbox->id().value()}, {"message", opened.error().message()}});
    if (!co_await find_again(sandbox)) tasks_.spawn("cloud_os.look_again", look_again(sandbox));
  }
  sandbox->is_settled = true;
  sandbox->changed.notify();
}

// False when the host cannot say whether it runs: then nothing is concluded.
Task<bool> Service::find_again(SandboxPtr sandbox) {
  const auto& id = sandbox->id().value();
  const auto find = [this, dir = sandbox->dir] { return backend_->find(dir); };
  const auto found = co_await offload<std::optional<ProcessId>>(workers_, find);
  if (!found) {
    log::error("sandbox.unknown", {{"sandbox_id", id}, {"message", found.error().message()}});
    co_return false;
  }
  if (!*found) {
    co_await settle_lost(sandbox);
    co_return true;
  }
  sandbox->supervisor = **found;
  if (sandbox->record.vm.status == VmStatus::running && backend_->capabilities().pause) {
    // The former server may have died between the record of a resumption and the resumption itself.
    const auto go_on = [this, dir = sandbox->dir] { return backend_->resume(dir); };
    if (const auto goes = co_await offload<void>(workers_, go_on); !goes)
      log::error("sandbox.resume_failed", {{"sandbox_id", id}, {"message", goes.error().message()}});
  }
  tasks_.spawn("cloud_os.watch", watch(sandbox, **found));
  log::info("sandbox.adopted", {{"sandbox_id", id}, {"status", json::name_of(sandbox->record.vm.status)}});
  co_return true;
}

// Its channels are served meanwhile. Ends when it was found, or when somebody else has settled it.
Task<void> Service::look_again(SandboxPtr sandbox) {
  for (;;) {
    co_await sleep_for(kLookSoonest);
    const auto turn = co_await sandbox->turn.acquire();
    const auto status = sandbox->record.vm.status;
    const bool is_up = status == VmStatus::running || status == VmStatus::paused;
    if (!is_up || sandbox->supervisor || co_await find_again(sandbox)) co_return;
  }
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

// Alive without a record, and older than a minute: nobody knows of it and nobody will. A look that cannot see
// everything is skipped, and removes nothing.
Task<void> Service::remove_leftovers() {
  for (;;) {
    const auto look = [this] { return find_leftovers(folder_, *backend_, orphan_grace_); };
    const auto found = co_await offload<std::vector<Leftover>>(workers_, look);
    if (!found)
      log::error("sandbox.leftovers_unknown",
                 {{"message", found.error().message()}, {"detail", found.error().detail()}});
    for (const auto& one : found.value_or(std::vector<Leftover>())) {
      if (sandboxes_.contains(one.id)) continue;
      const auto take_away = [this, dir = SandboxDir{folder_ / one.id.value()}] {
        return remove_leftover(dir, *backend_);
      };
      const auto removed = co_await offload<void>(workers_, take_away);
      numbers_.orphan_removed();
      log::warn("sandbox.orphan_removed", {{"sandbox_id", one.id.value()},
                                           {"what", one.what},
                                           {"problem", removed ? std::string() : removed.error().message()}});
    }
    co_await sleep_for(std::clamp<Deadline::Clock::duration>(orphan_grace_ / 2, kLookSoonest, kLookLatest));
  }
}

Task<void> Service::stop() {
  is_stopping_ = true;
  co_await keys_.stop();
  co_await tasks_.stop();
  // What is half made or half removed serves nobody, and would run on until the next start.
  std::vector<SandboxId> unwanted;
  for (const auto& [id, sandbox] : sandboxes_) {
    const auto status = sandbox->record.vm.status;
    if (status == VmStatus::creating || status == VmStatus::deleted) unwanted.push_back(id);
  }
  for (const auto& id : unwanted) std::ignore = co_await remove(id);
  for (const auto& [id, sandbox] : sandboxes_) {
    co_await close_broker(sandbox);
    if (sandbox->record.allotment) std::ignore = co_await persist(sandbox);
  }
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
