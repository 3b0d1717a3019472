#pragma once

#include "base/result.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isa::cloud_os {

// The program of that name in PATH.
std::optional<std::filesystem::path> find_program(std::string_view name);

// Runs a program that ends by itself and returns what it wrote to both of its outputs; failed_dependency when
// it cannot be started or does not succeed. Blocks.
Result<std::string> run_command(const std::vector<std::string>& words);

}  // namespace isa::cloud_os
