#include "sdk/tools/typed_tool.h"

#include <stdexcept>

namespace isa::sdk {

ToolOutput tool_failure(const Error& error) {
  return {.text = error.message(), .is_error = true};
}

ToolSpec make_tool_spec(std::string name, std::string description, std::string_view schema) {
  auto parsed = json::parse(schema);
  if (!parsed || !parsed->is_object())
    throw std::logic_error("the schema of the tool " + name + " is malformed");
  return {std::move(name), std::move(description), std::move(parsed->get_object())};
}

}  // namespace isa::sdk
