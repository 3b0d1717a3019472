// The steps of a shared pool as the server runs them. What lies where:
//
//   P:instance:<id>             hash    the row; the lease's fields begin with lease_
//   P:pool:<pool>:<state>       zset    its instances in that state by creation
//   P:pool:<pool>:warm:<shape>  zset    of the warm ones, those of a shape
//   P:session:<pool>:<session>  string  the instance that the session leases
//   P:fencing                   string  the last fencing token
//   P:managers                  zset    until when each manager counts as alive
//   P:configs                   hash    pool -> what was decided about it
//
// P is the prefix in braces. An answer begins with a word: ok, held, none, full, conflict or missing; a row
// follows as HGETALL gives it.
#pragma once

#include "store/redis/client.h"

namespace isa::store::redis {

// The numbers of the scripts for Client::run().
enum class Step {
  reserve,
  make_ready,
  move,
  note_probes,
  adopt,
  list,
  counts,
  remove,
  claim,
  renew,
  expire,
  beat
};

std::span<const Script> pool_scripts();

}  // namespace isa::store::redis
