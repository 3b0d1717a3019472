// What a model's provider answers; the first byte chooses whether it is streamed and where it is split.
// Whatever it is, no count is negative.
#include "cloud_os/model_usage.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isa;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  cloud_os::UsageReader reader((data[0] & 1) != 0);
  const auto split = std::min<std::size_t>(data[0] >> 1, bytes.size());
  reader.feed(bytes.substr(0, split));
  reader.feed(bytes.substr(split));
  reader.end();
  for (const auto& usage : {reader.said(), reader.estimated(size, R"({"input":1,"output":2})")})
    if (usage.input_tokens < 0 || usage.output_tokens < 0 || usage.cached_input_tokens < 0 ||
        usage.cache_write_tokens < 0 || usage.reasoning_tokens < 0)
      std::abort();
  return 0;
}
