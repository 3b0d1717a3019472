#pragma once

#include "agent/memory/memory_books.h"
#include "agent/turn_executor.h"

namespace isa::agent {

// A place where turns run, whose agents remember: their calls of memory_store and memory_search are answered
// here and not where the turn runs. A turn that is suspended at such calls alone goes on at once. At others
// besides, it stays suspended, and theirs are answered when it is resumed; they then stand first.
class RememberingExecutor : public TurnExecutor {
 public:
  RememberingExecutor(TurnExecutor& place, MemoryBooks& books) : place_(place), books_(books) {}

  Task<Result<void>> run(Turn turn, sdk::EventSink sink, TurnRecord& record) override;
  Task<Result<void>> steer(SessionId session, RunId run, std::string message) override {
    return place_.steer(std::move(session), std::move(run), std::move(message));
  }
  Task<void> forget(SessionId session) override;

 private:
  Task<void> answer(const Turn& turn, sdk::Resumption& resumption);

  TurnExecutor& place_;
  MemoryBooks& books_;
};

}  // namespace isa::agent
