// The segment reader over arbitrary bytes: it stays inside them, and every record that it accepts is one that
// append_record() writes, byte for byte.
#include "store/segment.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  isa::store::SegmentReader reader(bytes);
  std::string rewritten(isa::store::kSegmentMagic);
  while (const auto record = reader.next()) isa::store::append_record(rewritten, *record);
  if (reader.end() == isa::store::SegmentReader::End::clean && reader.offset() != size) std::abort();
  if (reader.offset() > size) std::abort();
  if (reader.offset() > 0 && bytes.substr(0, reader.offset()) != rewritten) std::abort();
  return 0;
}
