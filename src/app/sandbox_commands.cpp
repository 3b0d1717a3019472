#include "app/sandbox_commands.h"

#include "cloud_os/leftovers.h"
#include "cloud_os/probe.h"

#include <algorithm>
#include <cstdio>

namespace isa::app {
namespace {

namespace fs = std::filesystem;
using cloud_os::SandboxDir;

struct Row {
  cloud_os::Vm vm;
  bool is_alive = false;  // Its record may be older than its end.
  std::optional<std::string> pool;
  std::int64_t age_s = 0;
  std::optional<std::int64_t> memory_bytes;
  std::optional<std::int64_t> cpu_time_ms;
};
BOOST_DESCRIBE_STRUCT(Row, (), (vm, is_alive, pool, age_s, memory_bytes, cpu_time_ms))

Result<Row> row_of(const SandboxDir& dir, cloud_os::Record record, cloud_os::Backend& backend) {
  ISA_TRY(const auto supervisor, backend.find(dir));
  Row row;
  row.is_alive = supervisor.has_value();
  row.vm = std::move(record.vm);
  if (!row.vm.user_id && record.binding) row.vm.user_id = record.binding->user_id;
  const auto pool = row.vm.labels.find("isa.pool");
  if (pool != row.vm.labels.end()) row.pool = pool->second;
  row.age_s = std::chrono::duration_cast<std::chrono::seconds>(now() - row.vm.created_at).count();
  if (const auto used = backend.stats(dir)) {
    row.memory_bytes = used->memory_bytes;
    row.cpu_time_ms = used->cpu_time_ms;
  }
  return row;
}

std::string age_text(std::int64_t seconds) {
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (seconds < 7200) return fmt::format("{}m", seconds / 60);
  if (seconds < std::int64_t{48} * 3600) return fmt::format("{}h", seconds / 3600);
  return fmt::format("{}d", seconds / 86400);
}

std::string_view state_of(const Row& row) {
  using enum cloud_os::VmStatus;
  const bool should_be_alive = row.vm.status == running || row.vm.status == paused;
  return should_be_alive && !row.is_alive ? "lost" : json::name_of(row.vm.status);
}

void print_row(const Row& row) {
  const auto& vm = row.vm;
  const auto memory =
      row.memory_bytes ? fmt::format("{:.1f}M", static_cast<double>(*row.memory_bytes) / 1048576) : "-";
  const auto cpu =
      row.cpu_time_ms ? fmt::format("{:.2f}s", static_cast<double>(*row.cpu_time_ms) / 1000) : "-";
  fmt::print("{:<29}  {:<8}  {:<10}  {:>5}  {:<16}  {:<12}  {:>8}  {:>9}  {}\n", vm.vm_id.value(),
             state_of(row), vm.backend, age_text(row.age_s), vm.user_id ? vm.user_id->value() : "-",
             row.pool.value_or("-"), memory, cpu, vm.isolation);
}

fs::path sandboxes_of(const PlatformConfig& config) {
  return fs::absolute(config.app.data_dir) / "sandboxes";
}

// The one that the server's records name, whatever this command was told: under another one they would all
// seem to be lost. A server has sandboxes of one backend only.
Result<std::unique_ptr<cloud_os::Backend>> backend_of(const PlatformConfig& config) {
  auto settings = config.cloud_os;
  std::error_code error;  // A folder that is not there names none; what else is wrong is found later.
  for (fs::directory_iterator at(sandboxes_of(config), error), end; !error && at != end;
       at.increment(error)) {
    const auto record = cloud_os::load(SandboxDir{at->path()});
    if (record && cloud_os::may_run(record->vm.status) && !record->vm.backend.empty())
      settings.backend = record->vm.backend;
  }
  return cloud_os::backend_for_existing(settings, config.app.data_dir);
}

}  // namespace

Result<void> show_sandboxes(const PlatformConfig& config, bool as_json) {
  std::vector<Row> rows;
  std::vector<std::string> unreadable;
  std::error_code error;
  std::unique_ptr<cloud_os::Backend> backend;
  for (fs::directory_iterator at(sandboxes_of(config), error), end; !error && at != end;
       at.increment(error)) {
    const SandboxDir dir{at->path()};
    auto record = cloud_os::load(dir);
    if (!record && record.error().kind() != ErrorKind::not_found && at->is_directory())
      unreadable.push_back(record.error().message());
    if (!record) continue;
    if (!backend) {
      ISA_TRY(backend, backend_of(config));
    }
    ISA_TRY(auto row, row_of(dir, std::move(*record), *backend));
    rows.push_back(std::move(row));
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return internal_error(
               "{} cannot be listed; run this as the user whom the server runs as, or name its folder with "
               "--data-dir",
               sandboxes_of(config).string())
        .with_detail(error.message());
  std::ranges::sort(rows, {}, [](const Row& row) { return row.vm.vm_id; });
  if (as_json) {
    fmt::print("{}\n", json::serialize(json::write(rows)));
  } else if (rows.empty()) {
    fmt::print("No sandboxes in {}.\n", config.app.data_dir);
  } else {
    fmt::print("{:<29}  {:<8}  {:<10}  {:>5}  {:<16}  {:<12}  {:>8}  {:>9}  {}\n", "ID", "STATE", "BACKEND",
               "AGE", "USER", "POOL", "MEMORY", "CPU", "ISOLATION");
    for (const auto& row : rows) print_row(row);
  }
  for (const auto& message : unreadable) fmt::print(stderr, "isa: {}\n", message);
  if (unreadable.empty()) return ok();
  return internal_error(
      "{} of {} records could not be read and are not shown; the server leaves such sandboxes alone, "
      "`isa gc` too",
      unreadable.size(), unreadable.size() + rows.size());
}

Result<void> collect_garbage(const PlatformConfig& config, bool is_dry_run) {
  ISA_TRY(const auto backend, backend_of(config));
  ISA_TRY(const auto leftovers,
          cloud_os::find_leftovers(sandboxes_of(config), *backend, config.cloud_os.orphan_grace));
  if (leftovers.empty()) {
    fmt::print("Nothing is left over: everything that exists has a record.\n");
    return ok();
  }
  std::size_t failures = 0;
  for (const auto& one : leftovers) {
    const auto removed =
        is_dry_run ? ok()
                   : cloud_os::remove_leftover(SandboxDir{sandboxes_of(config) / one.id.value()}, *backend);
    if (!removed) ++failures;
    fmt::print("{:<29}  {:>5}  {}  {}\n", one.id.value(), age_text(one.age.count()),
               is_dry_run ? "would be removed:"
               : removed  ? "removed:"
                          : "could not be removed (" + removed.error().message() + "):",
               one.what);
  }
  if (failures > 0)
    return internal_error("{} of {} could not be removed; run this as the user whom the server runs as",
                          failures, leftovers.size());
  return ok();
}

}  // namespace isa::app
