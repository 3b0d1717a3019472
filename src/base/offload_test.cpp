#include "base/offload.h"

#include "base/testing.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

namespace isa {
namespace {

using testing::run;

TEST(Offload, WorksOnAnotherThreadAndComesBack) {
  asio::thread_pool pool(1);
  const auto body = [](asio::thread_pool& to) -> Task<std::pair<bool, bool>> {
    const auto home = std::this_thread::get_id();
    std::function<Result<std::thread::id>()> work = [] { return std::this_thread::get_id(); };
    const auto worker = co_await offload<std::thread::id>(to, std::move(work));
    co_return std::pair(worker.value() != home, std::this_thread::get_id() == home);
  };
  EXPECT_EQ(run(body(pool)), std::pair(true, true));
}

TEST(Offload, AnErrorComesBackAsItIs) {
  asio::thread_pool pool(1);
  const auto result = run(offload<int>(pool, []() -> Result<int> { return conflict("taken"); }));
  EXPECT_EQ(result.error().kind(), ErrorKind::conflict);
}

TEST(Offload, AnExceptionBecomesAnInternalErrorWithItsTextInTheDetail) {
  asio::thread_pool pool(1);
  const auto result =
      run(offload<int>(pool, []() -> Result<int> { throw std::runtime_error("disk on fire"); }));
  EXPECT_EQ(result.error().kind(), ErrorKind::internal_error);
  EXPECT_EQ(result.error().detail(), "disk on fire");
  EXPECT_EQ(result.error().message().find("fire"), std::string::npos);
}

TEST(Offload, TakesWorkThatCanOnlyBeMoved) {
  asio::thread_pool pool(1);
  auto value = std::make_unique<int>(7);
  const auto result = run(offload<int>(pool, [value = std::move(value)]() -> Result<int> { return *value; }));
  EXPECT_EQ(result.value(), 7);
}

}  // namespace
}  // namespace isa
