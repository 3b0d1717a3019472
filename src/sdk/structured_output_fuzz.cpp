// Schemas of callers and answers of models, a line each: neither may end the process or take forever.
#include "sdk/structured_output.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto line = input.find('\n');
  const auto schema = isa::json::parse(input.substr(0, line));
  if (!schema || !schema->is_object()) return 0;
  if (!isa::sdk::check_output_schema(schema->get_object())) return 0;
  if (line != std::string_view::npos)
    std::ignore = isa::sdk::structured_output(schema->get_object(), input.substr(line + 1));
  return 0;
}
