#include "store/sqlite/readers.h"

#include "base/log.h"
#include "store/sqlite/query.h"

#include <utility>

namespace isa::store::sqlite {

Readers::Readers(std::vector<Database> connections)
    : connections_(std::move(connections)), threads_(connections_.size()) {
  for (auto& connection : connections_) free_.push_back(&connection);
}

Readers::~Readers() {
  threads_.join();
}

Readers::Turn::Turn(Readers& owner) : owner_(owner) {
  const std::lock_guard lock(owner_.mutex_);
  db_ = owner_.free_.back();
  owner_.free_.pop_back();
}

Readers::Turn::~Turn() {
  if (db_->in_transaction()) {
    if (const auto ended = run(*db_, "COMMIT"); !ended)
      log::error("store.read_not_ended", {{"detail", ended.error().detail()}});
  }
  const std::lock_guard lock(owner_.mutex_);
  owner_.free_.push_back(db_);
}

Result<void> Readers::Turn::begin() {
  return run(*db_, "BEGIN");
}

}  // namespace isa::store::sqlite
