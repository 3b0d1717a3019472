// Any bytes as an event and as the content of one: no crash, and what we write is always JSON that reads back
// the same.
#include "sdk/event.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isa;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);

  const auto written = sdk::to_wire(sdk::text_event(std::string(bytes)),
                                    RunId(std::string(bytes.substr(0, 32))), 1, SessionId("s"), Timestamp());
  const auto once = sdk::event_from_wire(written);
  if (!once || written.find('\n') != std::string::npos) std::abort();

  if (const auto event = sdk::event_from_wire(bytes)) {
    const auto text = sdk::to_wire(*event);
    const auto again = sdk::event_from_wire(text);
    if (!again || again->type != event->type || again->content != event->content) std::abort();
    if (sdk::to_wire(*again) != text) std::abort();
  }
  return 0;
}
