// The memory file of a workspace, in which sandboxed code may write anything: the first byte says how much of
// a sound file is overwritten with the rest, and where. Whatever comes of it is an answer or an error.
#include "sdk/tools/memory_book.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isa;
  static const std::string sound = [] {
    auto book = sdk::MemoryBook::open("", Deadline::never()).value();
    for (int i = 0; i < 20; ++i)
      if (!book.store({"", "some words to remember", {"tag"}, "2026-01-01T00:00:00.000Z"})) std::abort();
    return book.bytes().value();
  }();
  if (size < 3) return 0;
  auto bytes = sound;
  const std::size_t at = (data[0] << 8 | data[1]) % bytes.size();
  const auto count = std::min(size - 2, bytes.size() - at);
  std::copy_n(data + 2, count, bytes.begin() + static_cast<std::ptrdiff_t>(at));
  auto book = sdk::MemoryBook::open(bytes, Deadline::after(std::chrono::seconds(2)));
  if (!book) return 0;
  const auto found = book->search({.query = "words", .key = {}, .tags = {"tag"}});
  const auto stored = book->store({"a", "more words", {}, "now"});
  if (found && stored && !book->bytes()) std::abort();
  return 0;
}
