// The variables that every sandbox starts with, whatever isolates it.
#pragma once

#include "base/result.h"
#include "cloud_os/record.h"

#include <map>
#include <string>

namespace isa::cloud_os {

// The spec's own variables and those of the contract (design: execution.md).
std::map<std::string, std::string> sandbox_environment(const Record& record);
// validation_error when a variable is malformed or one that the platform sets.
Result<void> check_environment(const std::map<std::string, std::string>& env);

}  // namespace isa::cloud_os
