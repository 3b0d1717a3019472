#pragma once

#include "base/offload.h"
#include "store/sqlite/database.h"

#include <functional>
#include <mutex>
#include <vector>

namespace isa::store::sqlite {

// Connections that only read, a thread for each. A read sees one snapshot: everything that was committed when
// it began, so also every write that its caller has awaited.
class Readers {
 public:
  explicit Readers(std::vector<Database> connections);
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;
  ~Readers();  // After everything that was queued is answered.

  template <class T>
  Task<Result<T>> read(std::function<Result<T>(Database&)> work) {
    return offload<T>(threads_, std::function<Result<T>()>([this, work = std::move(work)]() -> Result<T> {
                        Turn turn(*this);
                        ISA_TRYV(turn.begin());
                        return work(turn.db());
                      }));
  }

 private:
  // A connection for as long as one read takes, and its snapshot.
  class Turn {
   public:
    explicit Turn(Readers& owner);
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn();
    Result<void> begin();
    Database& db() { return *db_; }

   private:
    Readers& owner_;
    Database* db_;
  };

  std::vector<Database> connections_;
  std::mutex mutex_;
  std::vector<Database*> free_;  // Under mutex_; never empty for a thread of threads_.
  asio::thread_pool threads_;
};

}  // namespace isa::store::sqlite
