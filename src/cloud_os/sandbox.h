#pragma once

#include "cloud_os/broker.h"
#include "cloud_os/process.h"
#include "cloud_os/record.h"
#include "cloud_os/semaphore.h"

#include <memory>

namespace isa::cloud_os {

// One sandbox in the service's memory. What must survive is in its record.
struct Sandbox {
  Sandbox(asio::any_io_executor executor, SandboxDir where, Record from)
      : dir(std::move(where)), record(std::move(from)), turn(std::move(executor), 1) {}

  const SandboxId& id() const { return record.vm.vm_id; }

  SandboxDir dir;
  Record record;
  Semaphore turn;  // Whoever changes the sandbox holds it: one change at a time, in order.
  std::unique_ptr<Broker> broker;
  std::optional<ProcessId> supervisor;  // Set while the sandbox is expected to run.
};
using SandboxPtr = std::shared_ptr<Sandbox>;

}  // namespace isa::cloud_os
