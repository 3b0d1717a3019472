#pragma once

#include "base/async.h"

#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <list>
#include <utility>

namespace isa::cloud_os {

// At most n holders at a time, served in order. Lives on one event loop and outlives its permits.
class Semaphore {
 public:
  class Permit {
   public:
    Permit() = default;
    explicit Permit(Semaphore& from) : from_(&from) {}
    Permit(Permit&& other) noexcept : from_(std::exchange(other.from_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept {
      std::swap(from_, other.from_);
      return *this;
    }
    ~Permit() {
      if (from_) from_->give_back();
    }

   private:
    Semaphore* from_ = nullptr;
  };

  Semaphore(asio::any_io_executor executor, std::size_t count)
      : executor_(std::move(executor)), free_(count) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  Task<Permit> acquire();

 private:
  // Stands in the line for as long as it lives.
  struct Waiter {
    explicit Waiter(Semaphore& semaphore);
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter();

    Semaphore& line;
    asio::steady_timer granted;
    bool is_granted = false;
  };
  void give_back();

  asio::any_io_executor executor_;
  std::size_t free_;
  std::list<Waiter*> waiting_;
};

}  // namespace isa::cloud_os
