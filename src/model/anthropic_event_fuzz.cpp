// Every event of a stream that Anthropic may send: no crash, and what is read can be written in both
// dialects.
#include "model/anthropic/anthropic_wire.h"
#include "net/sse.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isa;
  net::SseParser parser;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (!parser.feed(bytes)) return 0;
  model::anthropic::EventReader reader;
  model::anthropic::EventWriter writer("msg", "model");
  sdk::openai::ChunkWriter chunks("id", "model", 1, false);
  std::vector<sdk::ChatDelta> deltas;
  std::string written = writer.first();
  while (auto event = parser.next()) {
    const auto before = deltas.size();
    if (!reader.feed(event->data, deltas)) return 0;
    for (std::size_t i = before; i < deltas.size(); ++i) {
      written += writer.delta(deltas[i]);
      chunks.delta(deltas[i]);
    }
  }
  written += writer.last(reader.summary());

  net::SseParser own(64 << 20);
  model::anthropic::EventReader again;
  std::vector<sdk::ChatDelta> read_again;
  if (!own.feed(written)) std::abort();
  while (auto event = own.next())
    if (!again.feed(event->data, read_again)) std::abort();
  if (!again.is_done()) std::abort();
  return 0;
}
