// Every event of a stream that a provider may send: no crash, and what is read can be written and read again.
#include "net/sse.h"
#include "sdk/openai_wire.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isa;
  net::SseParser parser;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (!parser.feed(bytes)) return 0;
  sdk::openai::ChunkReader reader;
  sdk::openai::ChunkWriter writer("id", "model", 1, true);
  sdk::openai::ChunkReader again;
  std::vector<sdk::ChatDelta> deltas, read_again;
  while (auto event = parser.next()) {
    const auto before = deltas.size();
    if (!reader.feed(event->data, deltas)) return 0;
    for (std::size_t i = before; i < deltas.size(); ++i)
      if (!again.feed(writer.delta(deltas[i]), read_again)) std::abort();
  }
  sdk::MessageBuilder builder;
  for (const auto& delta : deltas) builder.add(delta);
  const auto message = std::move(builder).finish();
  for (const auto& part : message.parts)
    if (part.kind == sdk::PartKind::tool_call && part.name.empty()) std::abort();
  return 0;
}
