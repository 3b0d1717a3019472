#pragma once

#include "base/result.h"
#include "cloud_os/vm.h"

namespace isa::cloud_os {

// validation_error, naming the field, for what no backend can do.
Result<void> check(const VmCreate& spec);
Result<void> check(const VmRenew& wanted);

}  // namespace isa::cloud_os
