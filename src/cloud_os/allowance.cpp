#include "cloud_os/allowance.h"

#include "sdk/budget.h"

namespace isa::cloud_os {

Tally::Call::Call(Tally& to) : to_(to), period_(to.period_) {
  ++to_.open_calls_;
  ++to_.allotment_.use.calls;
}

Tally::Call::~Call() {
  if (period_ != to_.period_) return;
  --to_.open_calls_;
  if (!is_known_) ++to_.allotment_.use.unknown_calls;
}

void Tally::Call::use(const sdk::Usage& more) {
  if (period_ != to_.period_ || more.is_nothing()) return;
  auto& allotment = to_.allotment_;
  (allotment.is_over ? allotment.late : allotment.use.usage) += more;
}

void Tally::allow(VmAllowance allowance) {
  const bool is_same =
      is_limited() && allowance.is_limited() && allotment_.allowance.run_id == allowance.run_id;
  if (!is_same) {
    allotment_ = {};
    open_calls_ = 0;
    ++period_;
  } else if (allotment_.is_over) {
    Allotment next;
    next.use.usage = allotment_.late;
    next.use.calls = open_calls_;
    allotment_ = std::move(next);
  }
  allotment_.allowance = std::move(allowance);
}

Result<VmModelUse> Tally::settle(const RunId& run) {
  if (is_limited() && allotment_.allowance.run_id != run)
    return conflict("the sandbox's allowance is not that of run {}", run.value());
  if (const auto limit = met(); limit && !allotment_.is_over) {
    allotment_.use.limit = limit->limit;
    allotment_.use.problem = limit->problem;
  }
  auto use = allotment_.use;
  use.unknown_calls += open_calls_;
  // Kept for whoever asks again, because the answer was lost.
  if (is_limited())
    allotment_.is_over = true;
  else
    allow({});
  return use;
}

std::optional<Error> Tally::refusal() const {
  const auto limit = met();
  if (!limit) return std::nullopt;
  return make_error(ErrorKind::insufficient_credits, "{}", limit->problem)
      .with_code("budget_exceeded")
      .with_param(limit->limit);
}

std::optional<Allotment> Tally::kept() const {
  return is_limited() ? std::optional(allotment_) : std::nullopt;
}

std::optional<Tally::Met> Tally::met() const {
  const auto& allowance = allotment_.allowance;
  if (!allowance.is_limited()) return std::nullopt;
  const auto& run = allowance.run_id.value();
  if (allotment_.is_over)
    return Met{"run_over",
               fmt::format("run {} is over or waits for somebody, and its limits let nothing that "
                           "it left running ask models any more; send the agent a message",
                           run)};
  auto used = allowance.before;
  used += allotment_.use.usage;
  if (auto met = sdk::budget_met({allowance.max_tokens, allowance.max_usd}, used))
    return Met{
        std::string(met->limit),
        fmt::format("{} by run {}, with what programs in its sandbox asked; raise the limit of the agent "
                    "or begin a new run",
                    met->problem, run)};
  if (allowance.until && now() >= *allowance.until)
    return Met{"max_seconds",
               fmt::format("the time of run {} is over (limits.max_seconds of the agent)", run)};
  return std::nullopt;
}

}  // namespace isa::cloud_os
