// Bodies of cloud_os's routes that are not Vm, VmCreate or VmBinding; HttpVmClient and the routes share them.
#pragma once

#include "cloud_os/vm.h"

namespace isa::cloud_os {

struct VmList {
  std::vector<Vm> vms;
};
BOOST_DESCRIBE_STRUCT(VmList, (), (vms))

struct VmState {
  SandboxId vm_id;
  VmStatus status = VmStatus::creating;
  std::optional<Timestamp> started_at;
  std::optional<VmExit> exit;
};
BOOST_DESCRIBE_STRUCT(VmState, (), (vm_id, status, started_at, exit))

}  // namespace isa::cloud_os
