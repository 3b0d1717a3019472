// How much the run in a sandbox has used of what it may ask of models.
#pragma once

#include "cloud_os/vm.h"

namespace isa::cloud_os {

// The allowance of a run and what was used of it: what a sandbox's record keeps, so that the limit holds
// whatever becomes of the server.
struct Allotment {
  using json_defaults = void;
  VmAllowance allowance;
  VmModelUse use;
  bool is_over = false;  // The run is: nothing it left running may ask any more.
  sdk::Usage late;       // Of calls that ended after that: counts when the run goes on.
};
BOOST_DESCRIBE_STRUCT(Allotment, (), (allowance, use, is_over, late))

// Counts the calls of models of one sandbox, for its broker. A call is let in while the limits are not met,
// and counts when its answer says what it used: so those that are under way may pass a limit together.
class Tally {
 public:
  // A call that was let in, until it is over. Ended by nobody: unknown. Outlived by the tally.
  class Call {
   public:
    explicit Call(Tally& to);
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call();

    // More of what it used. With more to come, or not.
    void use(const sdk::Usage& more);
    void end() { is_known_ = true; }

   private:
    Tally& to_;
    std::uint64_t period_;  // A call counts for the run that it was let in for, or for nobody.
    bool is_known_ = false;
  };

  // As VmClient::allow() and settle() say.
  void allow(VmAllowance allowance);
  Result<VmModelUse> settle(const RunId& run);
  void restore(Allotment allotment) { allotment_ = std::move(allotment); }

  bool is_limited() const { return allotment_.allowance.is_limited(); }
  // Why no further call is let in: insufficient_credits, code budget_exceeded, with the limit's name as
  // param.
  std::optional<Error> refusal() const;
  void count_refusal() { ++allotment_.use.refused_calls; }
  // What the record is to keep. Nothing without limits.
  std::optional<Allotment> kept() const;

 private:
  struct Met {
    std::string limit, problem;
  };
  std::optional<Met> met() const;

  Allotment allotment_;  // Without limits the use is counted all the same.
  std::int64_t open_calls_ = 0;
  std::uint64_t period_ = 0;  // Grows when counting begins anew.
};

}  // namespace isa::cloud_os
