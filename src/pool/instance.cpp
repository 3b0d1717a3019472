#include "pool/instance.h"

#include "base/log.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

namespace isa::pool {
namespace {

constexpr std::array<std::pair<State, State>, 10> kSteps{{
    {State::creating, State::warm},
    {State::creating, State::failed},
    {State::warm, State::leased},
    {State::warm, State::draining},
    {State::warm, State::failed},
    {State::leased, State::draining},
    {State::leased, State::failed},
    {State::draining, State::destroyed},
    {State::draining, State::failed},
    {State::failed, State::destroyed},
}};

}  // namespace

bool may_step(State from, State to) {
  return std::ranges::find(kSteps, std::pair(from, to)) != kSteps.end();
}

void step(Instance& instance, State to) {
  if (!may_step(instance.state, to)) {
    log::error("pool.forbidden_step", {{"instance_id", instance.id.value()},
                                       {"from", json::name_of(instance.state)},
                                       {"to", json::name_of(to)}});
    std::abort();
  }
  instance.state = to;
}

}  // namespace isa::pool
