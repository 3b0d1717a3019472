#pragma once

#include "base/result.h"
#include "cloud_os/vm.h"

namespace isa::cloud_os {

// validation_error, naming the field, for what no backend can do.
Result<void> check(const VmCreate& spec);

}  // namespace isa::cloud_os
