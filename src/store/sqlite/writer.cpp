#include "store/sqlite/writer.h"

#include "base/log.h"
#include "store/sqlite/query.h"

#include <algorithm>
#include <iterator>
#include <pthread.h>

namespace isa::store::sqlite {
namespace {

// Bounds how long the first of a batch waits for the last.
constexpr std::size_t kMaxBatch = 512;

}  // namespace

Writer::Writer(Database db) : db_(std::move(db)), thread_([this] { loop(); }) {
  pthread_setname_np(thread_.native_handle(), "store-writer");
}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Writer::enqueue(std::unique_ptr<Operation> operation) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(operation));
  }
  wake_.notify_one();
}

void Writer::loop() {
  while (true) {
    auto batch = take_batch();
    if (batch.empty()) return;
    commit(batch);
    for (const auto& operation : batch) operation->answer();
  }
}

// Empty when the writer stops and nothing is left to do.
Writer::Batch Writer::take_batch() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  if (queue_.size() <= kMaxBatch) return std::exchange(queue_, {});
  const auto end = queue_.begin() + kMaxBatch;
  Batch batch(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
  return batch;
}

// When one operation made SQLite drop the whole transaction, the others get one of their own each, so that it
// fails alone after all.
void Writer::commit(std::span<std::unique_ptr<Operation>> batch) {
  if (transact(batch) == Outcome::answered) return;
  for (auto& operation : batch)
    if (!operation->failed()) transact({&operation, 1});
}

Writer::Outcome Writer::transact(std::span<std::unique_ptr<Operation>> batch) {
  auto committed = run(db_, "BEGIN IMMEDIATE");
  if (committed) {
    for (const auto& operation : batch)
      if (run_under_savepoint(*operation) == Outcome::dropped) return Outcome::dropped;
    committed = run(db_, "COMMIT");
  }
  if (committed) return Outcome::answered;

  log::error("store.commit_failed", {{"operations", batch.size()},
                                     {"message", committed.error().message()},
                                     {"detail", committed.error().detail()}});
  if (db_.in_transaction()) {
    if (const auto undone = db_.execute("ROLLBACK"); !undone)
      log::error("store.rollback_failed", {{"detail", undone.error().detail()}});
  }
  for (const auto& operation : batch)
    if (!operation->failed()) operation->fail(committed.error());
  return Outcome::answered;
}

Writer::Outcome Writer::run_under_savepoint(Operation& operation) {
  if (const auto begun = run(db_, "SAVEPOINT operation"); !begun) {
    operation.fail(begun.error());
    return db_.in_transaction() ? Outcome::answered : Outcome::dropped;
  }
  const bool succeeded = operation.run(db_);
  if (!db_.in_transaction()) {
    if (succeeded) operation.fail(internal_error("the database dropped a write"));
    return Outcome::dropped;
  }
  auto ended = succeeded ? ok() : run(db_, "ROLLBACK TO operation");
  if (ended) ended = run(db_, "RELEASE operation");
  if (!ended && succeeded) operation.fail(ended.error());
  return db_.in_transaction() ? Outcome::answered : Outcome::dropped;
}

}  // namespace isa::store::sqlite
