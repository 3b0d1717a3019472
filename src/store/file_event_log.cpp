#include "store/file_event_log.h"

#include "base/log.h"
#include "store/completion.h"
#include "store/file_lock.h"
#include "store/segment.h"
#include "store/segment_file.h"
#include "store/segment_ledger.h"

#include <condition_variable>
#include <mutex>
#include <pthread.h>
#include <span>
#include <thread>
#include <utility>

namespace isa::store {
namespace {

using Clock = std::chrono::steady_clock;
using Recovered = std::map<RunId, std::vector<LoggedEvent>>;

// What one system call writes at most: bounds the memory of a burst.
constexpr std::size_t kMaxWriteBytes = 8 << 20;

// Calls `each(record)` for every whole record of a segment.
template <class Each>
Result<void> scan(const SegmentFolder& folder, std::uint64_t number, const Each& each) {
  ISA_TRY(const auto bytes, folder.read(number));
  SegmentReader reader(bytes);
  while (const auto record = reader.next()) each(*record);
  if (reader.end() == SegmentReader::End::corrupt)
    log::warn("event_log.corrupt", {{"file", folder.file(number).string()},
                                    {"offset", reader.offset()},
                                    {"lost_bytes", bytes.size() - reader.offset()}});
  return ok();
}

// One call of append() or release().
struct Entry {
  RunId run;
  RecordKind kind = RecordKind::event;
  std::vector<LoggedEvent> events;
  Completion<Result<void>> done;
};

void encode(const Entry& entry, std::string& to) {
  if (entry.kind == RecordKind::release) append_record(to, {RecordKind::release, entry.run.value(), 0, {}});
  for (const auto& event : entry.events)
    append_record(to, {RecordKind::event, entry.run.value(), event.seq, *event.json});
}

Result<void> check_limits(const RunId& run, const std::vector<LoggedEvent>& events) {
  if (run.value().size() > kMaxRunIdBytes) return internal_error("the run id {} is too long", run.value());
  for (const auto& event : events)
    if (event.json->size() > kMaxRecordBytes - 1024)
      return payload_too_large("event {} of run {} has {} bytes; at most {} are kept", event.seq, run.value(),
                               event.json->size(), kMaxRecordBytes - 1024);
  return ok();
}

class FileEventLog final : public EventLog {
 public:
  FileEventLog(FileEventLogOptions options, FileLock lock, SegmentFolder folder, SegmentLedger ledger,
               SegmentFile current)
      : options_(std::move(options)),
        lock_(std::move(lock)),
        folder_(std::move(folder)),
        ledger_(std::move(ledger)),
        current_(std::move(current)),
        next_number_(current_.number() + 1),
        thread_([this] { loop(); }) {
    pthread_setname_np(thread_.native_handle(), "event-log");
  }
  ~FileEventLog() override;

  Task<Result<void>> append(RunId run, std::vector<LoggedEvent> events) override;
  Task<Result<void>> release(RunId run) override;
  Task<Result<Recovered>> recover() override;

 private:
  using Group = std::vector<Entry>;
  using Recovery = Completion<Result<Recovered>>;

  Task<Result<void>> enqueue(RunId run, RecordKind kind, std::vector<LoggedEvent> events);
  void loop();
  void write(std::span<Entry> group);
  Result<void> write_bytes(std::string_view bytes);
  void note(const Entry& entry);
  void roll_if_full();
  void delete_unneeded();
  void sync();
  Result<Recovered> read_all() const;

  const FileEventLogOptions options_;
  FileLock lock_;

  // Of the thread alone.
  SegmentFolder folder_;
  SegmentLedger ledger_;
  SegmentFile current_;
  std::uint64_t next_number_;
  std::optional<Clock::time_point> unsynced_since_;

  std::mutex mutex_;
  std::condition_variable wake_;
  Group queue_;                       // Under mutex_.
  std::vector<Recovery> recoveries_;  // Under mutex_.
  bool stopping_ = false;             // Under mutex_.
  std::thread thread_;
};

FileEventLog::~FileEventLog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Task<Result<void>> FileEventLog::append(RunId run, std::vector<LoggedEvent> events) {
  return enqueue(std::move(run), RecordKind::event, std::move(events));
}

Task<Result<void>> FileEventLog::release(RunId run) {
  return enqueue(std::move(run), RecordKind::release, {});
}

Task<Result<void>> FileEventLog::enqueue(RunId run, RecordKind kind, std::vector<LoggedEvent> events) {
  ISA_CO_TRYV(check_limits(run, events));
  auto start = [this, entry = Entry{std::move(run), kind, std::move(events), nullptr}](
                   Completion<Result<void>> done) mutable {
    entry.done = std::move(done);
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(entry));
    }
    wake_.notify_one();
  };
  auto written = completed_elsewhere<Result<void>>(std::move(start));
  co_return co_await std::move(written);
}

Task<Result<Recovered>> FileEventLog::recover() {
  return completed_elsewhere<Result<Recovered>>([this](Recovery done) {
    {
      const std::lock_guard lock(mutex_);
      recoveries_.push_back(std::move(done));
    }
    wake_.notify_one();
  });
}

void FileEventLog::loop() {
  while (true) {
    Group group;
    std::vector<Recovery> recoveries;
    bool stopping = false;
    {
      std::unique_lock lock(mutex_);
      const auto has_work = [this] { return stopping_ || !queue_.empty() || !recoveries_.empty(); };
      if (unsynced_since_)
        wake_.wait_until(lock, *unsynced_since_ + kGroupCommit, has_work);
      else
        wake_.wait(lock, has_work);
      group.swap(queue_);
      recoveries.swap(recoveries_);
      stopping = stopping_;
    }
    write(group);
    for (auto& done : recoveries) done(read_all());
    const bool is_last = stopping && group.empty() && recoveries.empty();
    if (unsynced_since_ && (is_last || Clock::now() >= *unsynced_since_ + kGroupCommit)) sync();
    if (is_last) return;
  }
}

void FileEventLog::write(std::span<Entry> group) {
  while (!group.empty()) {
    std::string bytes;
    std::size_t count = 0;
    while (count < group.size() && bytes.size() < kMaxWriteBytes) encode(group[count++], bytes);
    const auto written = write_bytes(bytes);
    for (auto& entry : group.first(count)) {
      if (written) note(entry);
      entry.done(written);
    }
    group = group.subspan(count);
    roll_if_full();
    delete_unneeded();
  }
}

Result<void> FileEventLog::write_bytes(std::string_view bytes) {
  if (bytes.empty()) return ok();
  if (!current_.is_usable()) {
    ISA_TRY(auto fresh, SegmentFile::create(folder_, next_number_++));
    ledger_.close(current_.number());
    current_ = std::move(fresh);
    ledger_.begin(current_.number());
  }
  ISA_TRYV(current_.append(bytes));
  if (!unsynced_since_) unsynced_since_ = Clock::now();
  return ok();
}

void FileEventLog::note(const Entry& entry) {
  if (entry.kind == RecordKind::release)
    ledger_.release(current_.number(), entry.run);
  else if (!entry.events.empty())
    ledger_.event(current_.number(), entry.run);
}

// Without a new segment the old one goes on: nothing is lost by a segment that is too large.
void FileEventLog::roll_if_full() {
  if (current_.size() < options_.segment_bytes) return;
  auto fresh = SegmentFile::create(folder_, next_number_++);
  if (!fresh) {
    log::error("event_log.cannot_roll",
               {{"message", fresh.error().message()}, {"detail", fresh.error().detail()}});
    return;
  }
  if (unsynced_since_) sync();
  ledger_.close(current_.number());
  current_ = *std::move(fresh);
  ledger_.begin(current_.number());
}

// The folder is synced between two deletions: a release is deleted after the events that it releases.
void FileEventLog::delete_unneeded() {
  while (const auto number = ledger_.deletable()) {
    auto removed = folder_.remove(*number);
    if (removed) removed = folder_.sync();
    if (removed) {
      ledger_.forget(*number);
    } else {
      ledger_.keep(*number);
      log::warn("event_log.segment_kept",
                {{"file", folder_.file(*number).string()}, {"detail", removed.error().detail()}});
    }
  }
}

void FileEventLog::sync() {
  unsynced_since_.reset();
  if (const auto synced = current_.sync(); !synced)
    log::error("event_log.sync_failed",
               {{"message", synced.error().message()}, {"detail", synced.error().detail()}});
}

Result<Recovered> FileEventLog::read_all() const {
  std::map<RunId, std::map<std::int64_t, LoggedEvent>> runs;
  ISA_TRY(const auto numbers, folder_.list());
  for (const auto number : numbers)
    ISA_TRYV(scan(folder_, number, [&](const SegmentRecord& record) {
      const RunId run{std::string(record.run)};
      if (record.kind == RecordKind::release)
        runs.erase(run);
      else
        runs[run][record.seq] = {record.seq, std::make_shared<const std::string>(record.json)};
    }));
  Recovered recovered;
  for (auto& [run, events] : runs) {
    auto& list = recovered[run];
    for (auto& [seq, event] : events) list.push_back(std::move(event));
  }
  return recovered;
}

// What a former process left: its segments are closed, whatever their end looks like.
Result<SegmentLedger> read_ledger(const SegmentFolder& folder, const std::vector<std::uint64_t>& numbers) {
  SegmentLedger ledger;
  for (const auto number : numbers) {
    ledger.begin(number);
    ISA_TRYV(scan(folder, number, [&](const SegmentRecord& record) {
      const RunId run{std::string(record.run)};
      if (record.kind == RecordKind::release)
        ledger.release(number, run);
      else
        ledger.event(number, run);
    }));
    ledger.close(number);
  }
  return ledger;
}

}  // namespace

Result<std::unique_ptr<EventLog>> open_file_event_log(FileEventLogOptions options) {
  ISA_TRY(auto folder, SegmentFolder::open(options.folder));
  ISA_TRY(auto lock,
          FileLock::take(options.folder / "lock", fmt::format("the event log {}", options.folder.string())));
  ISA_TRY(const auto numbers, folder.list());
  ISA_TRY(auto ledger, read_ledger(folder, numbers));
  ISA_TRY(auto current, SegmentFile::create(folder, numbers.empty() ? 1 : numbers.back() + 1));
  ledger.begin(current.number());
  return std::make_unique<FileEventLog>(std::move(options), std::move(lock), std::move(folder),
                                        std::move(ledger), std::move(current));
}

}  // namespace isa::store
