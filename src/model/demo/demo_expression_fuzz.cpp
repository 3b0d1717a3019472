// Whatever a person types: no crash, an end, and a finite number when there is one.
#include "model/demo/demo_model.h"
#include "model/demo/expression.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isa;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto value = model::demo::evaluate(text); value && !std::isfinite(*value)) std::abort();
  sdk::ChatRequest request;
  request.messages.push_back(sdk::Message::make(sdk::ChatRole::user, std::string(text)));
  for (const auto* name : {"bash_execute", "write_file", "read_file", "edit_file", "ls_directory"})
    request.tools.push_back({name, "", {}});
  const auto result = model::demo::answer(request);
  if (result.message.parts.size() != 1) std::abort();
  return 0;
}
