// The plan file of a workspace, in which sandboxed code may write anything. What is read back is a plan that
// keeps to every limit, and its text reads back as the same plan.
#include "sdk/tools/plan.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isa::sdk;
  const auto plan = parse_plan({reinterpret_cast<const char*>(data), size});
  if (!plan) return 0;
  if (!check_plan(*plan)) std::abort();
  const auto text = plan_text(*plan);
  const auto again = parse_plan(text);
  if (!again || plan_text(*again) != text) std::abort();
  return 0;
}
