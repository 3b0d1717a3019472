// What a search provider answers; the first byte chooses which. Whatever it is, results have addresses of the
// web and bounded, valid text.
#include "base/utf8.h"
#include "cloud_os/web/search_answers.h"
#include "sdk/web/web_url.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isa;
  if (size == 0) return 0;
  constexpr decltype(&cloud_os::read_brave) kReaders[] = {cloud_os::read_searxng, cloud_os::read_brave,
                                                          cloud_os::read_tavily};
  const auto hits = kReaders[data[0] % 3]({reinterpret_cast<const char*>(data) + 1, size - 1});
  if (!hits) return 0;
  for (const auto& hit : *hits) {
    if (!sdk::WebUrl::parse(hit.url)) std::abort();
    if (hit.title.size() > 1000 || hit.snippet.size() > 3000) std::abort();
    if (!is_utf8(hit.title) || !is_utf8(hit.snippet)) std::abort();
  }
  return 0;
}
