// Test support: run one task to completion on a fresh single-threaded event loop; a folder of one's own.
#pragma once

#include "base/async.h"
#include "base/ids.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <optional>

namespace isa::testing {

template <class T>
T run(Task<T> task) {
  asio::io_context context(1);
  std::optional<T> result;
  std::exception_ptr failure;
  auto keep = [](Task<T> from, std::optional<T>& to) -> Task<void> { to.emplace(co_await std::move(from)); };
  asio::co_spawn(context, keep(std::move(task), result), [&](std::exception_ptr e) { failure = e; });
  context.run();
  if (failure) std::rethrow_exception(failure);
  if (!result) std::abort();  // The loop ran dry without resuming the task: somebody dropped a handler.
  return std::move(*result);
}

inline void run(Task<void> task) {
  asio::io_context context(1);
  std::exception_ptr failure;
  asio::co_spawn(context, std::move(task), [&](std::exception_ptr e) { failure = e; });
  context.run();
  if (failure) std::rethrow_exception(failure);
}

// A short-named folder under /tmp (socket paths end at 107 bytes), removed with everything in it.
class TempFolder {
 public:
  TempFolder() : path_("/tmp/isa-" + random_hex(6)) { std::filesystem::create_directories(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;  // A test that failed may have left something busy; the next run is not harmed.
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace isa::testing
