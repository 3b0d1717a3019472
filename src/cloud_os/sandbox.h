#pragma once

#include "base/deadline.h"
#include "base/signal.h"
#include "cloud_os/broker.h"
#include "cloud_os/disk_usage.h"
#include "cloud_os/process.h"
#include "cloud_os/record.h"
#include "cloud_os/semaphore.h"

#include <memory>

namespace isa::cloud_os {

// What is known of its disk use; see Service::watch_disk().
struct DiskWatch {
  DiskUsage usage;
  Deadline::Clock::duration pause{0};
  Deadline::Clock::time_point next;
};

// One sandbox in the service's memory. What must survive is in its record.
struct Sandbox {
  Sandbox(asio::any_io_executor executor, SandboxDir where, Record from)
      : dir(std::move(where)), record(std::move(from)), turn(executor, 1), changed(executor) {}

  const SandboxId& id() const { return record.vm.vm_id; }

  SandboxDir dir;
  Record record;
  Semaphore turn;  // Whoever changes the sandbox holds it: one change at a time, in order.
  std::unique_ptr<Broker> broker;
  std::optional<ProcessId> supervisor;  // Set while the sandbox is expected to run.
  Signal changed;                       // Its status.
  bool is_settled = true;               // False: whether it still lives is being found out.
  bool is_being_made = false;           // By Service::create_once().
  std::optional<Error> failure;         // Why nothing came of its creation.
  Timestamp used_at = now();
  std::int64_t in_use = 0;           // Requests that are being passed into it.
  std::int64_t broker_requests = 0;  // When it was last looked at.
  DiskWatch disk;
  bool is_count_kept = true;  // False: what its calls of models have used is on its way to the record.
};
using SandboxPtr = std::shared_ptr<Sandbox>;

}  // namespace isa::cloud_os
