#pragma once

#include "base/async.h"
#include "store/completion.h"
#include "store/sqlite/database.h"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

namespace isa::store::sqlite {

// The only connection that writes, and its thread. Whatever has queued up while one transaction was being
// synced to the disk goes into the next: one sync for all. Every operation runs under a savepoint of its own,
// so that one that fails takes nothing else with it; and none is answered before the commit.
class Writer {
 public:
  explicit Writer(Database db);
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer();  // After everything that was queued is committed and answered.

  // `work` either returns an error and leaves no trace, or a value that is committed when the task completes.
  // It may run twice (when somebody else's full disk made SQLite drop the whole transaction), so it changes
  // nothing but the database.
  template <class T>
  Task<Result<T>> write(std::function<Result<T>(Database&)> work) {
    return completed_elsewhere<Result<T>>([this, work = std::move(work)](Completion<Result<T>> done) mutable {
      enqueue(std::make_unique<OperationOf<T>>(std::move(work), std::move(done)));
    });
  }

 private:
  class Operation {
   public:
    virtual ~Operation() = default;
    virtual bool run(Database& db) = 0;  // False when it failed: its savepoint must go.
    virtual void fail(const Error& why) = 0;
    virtual bool failed() const = 0;
    virtual void answer() = 0;
  };
  template <class T>
  class OperationOf;
  using Batch = std::vector<std::unique_ptr<Operation>>;
  enum class Outcome { answered, dropped };  // dropped: SQLite rolled everything back in the middle.

  void enqueue(std::unique_ptr<Operation> operation);
  void loop();
  Batch take_batch();
  void commit(std::span<std::unique_ptr<Operation>> batch);
  Outcome transact(std::span<std::unique_ptr<Operation>> batch);
  Outcome run_under_savepoint(Operation& operation);

  Database db_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Batch queue_;            // Under mutex_.
  bool stopping_ = false;  // Under mutex_.
  std::thread thread_;
};

template <class T>
class Writer::OperationOf final : public Writer::Operation {
 public:
  OperationOf(std::function<Result<T>(Database&)> work, Completion<Result<T>> done)
      : work_(std::move(work)), done_(std::move(done)) {}

  bool run(Database& db) override {
    try {
      result_.emplace(work_(db));
    } catch (const std::exception& e) {
      result_.emplace(internal_error("a write to the database failed").with_detail(e.what()));
    }
    return result_->has_value();
  }
  void fail(const Error& why) override { result_.emplace(Failure(why)); }
  bool failed() const override { return result_ && !result_->has_value(); }
  void answer() override { done_(std::move(*result_)); }

 private:
  std::function<Result<T>(Database&)> work_;
  Completion<Result<T>> done_;
  std::optional<Result<T>> result_;
};

}  // namespace isa::store::sqlite
