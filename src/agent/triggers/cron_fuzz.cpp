// A cron expression as a request may hold it: the first line is the time zone. What is taken has next times
// that go forward and fall on full minutes, and is found in bounded time.
#include "agent/triggers/cron.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isa;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto end = std::min(bytes.find('\n'), bytes.size());
  const auto zone = bytes.substr(0, end);
  const auto cron = agent::Cron::parse(bytes.substr(std::min(end + 1, bytes.size())));
  if (!cron) {
    if (cron.error().message().empty()) std::abort();
    return 0;
  }
  auto time = from_millis(1'774'746'000'123);  // 2026-03-29, an hour before clocks change in Europe.
  for (int i = 0; i < 5; ++i) {
    const auto next = cron->next_after(time, zone);
    if (!next) return 0;
    if (*next <= time || to_millis(*next) % 1000 != 0) std::abort();
    time = *next;
  }
  return 0;
}
