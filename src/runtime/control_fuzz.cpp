// What the control routes parse of a caller's: bodies of exec, a Range header, a path.
#include "base/base64.h"
#include "runtime/exec/exec_request.h"
#include "runtime/files/byte_range.h"
#include "runtime/files/files.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isa;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto start = runtime::parse_exec_start(text)) {
    if (start->command.has_value() == start->argv.has_value()) std::abort();
    std::ignore = runtime::executable_argv(*start, {{"PATH", "/usr/bin:/bin"}});
  }
  if (const auto number = runtime::parse_exec_signal(text); number && *number < 1) std::abort();
  std::ignore = runtime::parse_terminal_size(text);
  if (const auto bytes = from_base64(text); bytes && to_base64(*bytes) != text) std::abort();
  for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1000}, UINT64_MAX}) {
    runtime::ByteRange range;
    if (runtime::find_range(text, length, range) != runtime::RangeVerdict::part) continue;
    if (range.count == 0 || range.first >= length || range.count > length - range.first) std::abort();
  }
  if (const auto path = runtime::Files("/workspace").absolute(text); path && !path->starts_with('/'))
    std::abort();
  return 0;
}
