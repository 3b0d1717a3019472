// Whatever a server answers is read or refused; a row that was read is written and read again as the same.
#include "store/redis/row.h"

#include <cstdint>
#include <cstdlib>

namespace redis = isa::store::redis;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  redis::ReplyReader reader;
  reader.feed({reinterpret_cast<const char*>(data), size});
  while (true) {
    const auto reply = reader.next();
    if (!reply || !*reply) return 0;
    auto row = redis::instance_of(**reply);
    if (!row || row->lease) continue;
    redis::Reply again;
    again.kind = redis::Reply::Kind::list;
    for (auto& word : redis::fields_of(*row))
      again.list.push_back({.kind = redis::Reply::Kind::text, .text = std::move(word)});
    const auto same = redis::instance_of(again);
    if (!same ||
        isa::json::serialize(isa::json::write(*same)) != isa::json::serialize(isa::json::write(*row)))
      std::abort();
  }
}
