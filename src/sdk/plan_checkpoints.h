// Where a plan is looked at again: each time that so many more of its steps are finished.
#pragma once

#include "base/json.h"
#include "sdk/suspension.h"

#include <cstdint>
#include <string_view>

namespace isa::sdk {

// The plan itself is in the workspace, which a model's calls may not reach; what counts is what the calls of
// create_plan and update_plan say. Both are used as long as this lives.
class PlanCheckpoints {
 public:
  // `every` steps there is a checkpoint; 0: never.
  PlanCheckpoints(std::int64_t every, PlanProgress& progress) : every_(every), progress_(progress) {}

  // Takes note of a call before it runs. True when it finishes the steps that are missing to a checkpoint:
  // then somebody looks at it first. A step counts once, however often it is finished.
  bool reached_by(std::string_view tool, const json::object& args);

 private:
  std::int64_t every_;
  PlanProgress& progress_;
};

}  // namespace isa::sdk
