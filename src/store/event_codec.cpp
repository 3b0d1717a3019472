#include "store/event_codec.h"

#include "store/little_endian.h"

namespace isa::store {
namespace {

constexpr std::size_t kHead = sizeof(std::int64_t) + sizeof(std::uint32_t);

}  // namespace

std::string pack_events(const std::vector<LoggedEvent>& events) {
  std::size_t size = 0;
  for (const auto& event : events) size += kHead + event.json->size();
  std::string bytes;
  bytes.reserve(size);
  for (const auto& event : events) {
    append_integer(bytes, event.seq);
    append_integer(bytes, static_cast<std::uint32_t>(event.json->size()));
    bytes += *event.json;
  }
  return bytes;
}

Result<std::vector<LoggedEvent>> unpack_events(std::string_view bytes, std::int64_t after) {
  std::vector<LoggedEvent> events;
  while (!bytes.empty()) {
    const auto length =
        bytes.size() < kHead ? 0 : integer_at<std::uint32_t>(bytes.substr(sizeof(std::int64_t)));
    if (bytes.size() < kHead || bytes.size() - kHead < length)
      return internal_error("the stored events of a run are damaged; restore a backup");
    const auto seq = integer_at<std::int64_t>(bytes);
    if (seq > after)
      events.push_back({seq, std::make_shared<const std::string>(bytes.substr(kHead, length))});
    bytes.remove_prefix(kHead + length);
  }
  return events;
}

}  // namespace isa::store
