// What the stores of the aggregates share.
#pragma once

#include "store/sqlite/query.h"
#include "store/sqlite/readers.h"
#include "store/sqlite/writer.h"

namespace isa::store::sqlite {

// Store methods are plain functions that hand a closure to one of these two. What the closure captures
// outlives it; the Database is lent for the call.
class Engine {
 public:
  Engine(Database writing, std::vector<Database> reading)
      : writer_(std::move(writing)), readers_(std::move(reading)) {}

  template <class T>
  Task<Result<T>> write(std::function<Result<T>(Database&)> work) {
    return writer_.write<T>(std::move(work));
  }
  template <class T>
  Task<Result<T>> read(std::function<Result<T>(Database&)> work) {
    return readers_.read<T>(std::move(work));
  }

 private:
  Writer writer_;
  Readers readers_;
};

}  // namespace isa::store::sqlite
