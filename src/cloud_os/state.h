// The life of a sandbox as a table: which step leads where.
#pragma once

#include "base/result.h"
#include "cloud_os/vm.h"

namespace isa::cloud_os {

enum class VmStep {
  answered,  // Its runtime answers /health.
  failed,    // It ended, or never answered.
  ended,     // It ended well by itself, or was stopped.
  pause,
  resume,
  restart,
  remove,
};
BOOST_DESCRIBE_ENUM(VmStep, answered, failed, ended, pause, resume, restart, remove)

// conflict when a sandbox in that state cannot take the step.
Result<VmStatus> next_status(VmStatus from, VmStep step);

}  // namespace isa::cloud_os
