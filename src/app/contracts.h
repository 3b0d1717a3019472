#pragma once

#include <string_view>

namespace isa::app {

// A file of api/, as it was when the program was built; empty when there is none of this name.
std::string_view contract_file(std::string_view name);

}  // namespace isa::app
