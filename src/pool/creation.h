#pragma once

#include "pool/fleet.h"

namespace isa::pool {

// An instance that is being made. However the making ends, cancellation included, it is in the books either
// as what it became or not at all.
class Fleet::Creation {
 public:
  explicit Creation(Fleet& fleet);
  Creation(const Creation&) = delete;
  Creation& operator=(const Creation&) = delete;
  ~Creation();

  const InstancePtr& instance() const { return instance_; }
  // Whether something of it may be in the store or at cloud_os: then it stays in the books until reconcile or
  // stop() has removed it.
  bool has_traces = false;

 private:
  Fleet& fleet_;
  InstancePtr instance_;
};

}  // namespace isa::pool
