#include "cloud_os/state.h"

namespace isa::cloud_os {
namespace {

struct Transition {
  VmStatus from;
  VmStep step;
  VmStatus to;
};

using enum VmStatus;

constexpr Transition kTransitions[] = {
    {creating, VmStep::answered, running},
    {creating, VmStep::failed, VmStatus::failed},
    {creating, VmStep::ended, stopped},
    {creating, VmStep::remove, deleted},
    {running, VmStep::failed, VmStatus::failed},
    {running, VmStep::ended, stopped},
    {running, VmStep::pause, paused},
    {running, VmStep::remove, deleted},
    {paused, VmStep::resume, running},
    {paused, VmStep::failed, VmStatus::failed},
    {paused, VmStep::ended, stopped},
    {paused, VmStep::remove, deleted},
    {stopped, VmStep::restart, creating},
    {stopped, VmStep::remove, deleted},
    {VmStatus::failed, VmStep::restart, creating},
    {VmStatus::failed, VmStep::remove, deleted},
    {deleted, VmStep::remove, deleted},  // Finishing a deletion that was cut short.
};

}  // namespace

Result<VmStatus> next_status(VmStatus from, VmStep step) {
  for (const auto& one : kTransitions)
    if (one.from == from && one.step == step) return one.to;
  return conflict("a sandbox that is {} cannot take the step `{}`", json::name_of(from), json::name_of(step));
}

}  // namespace isa::cloud_os
