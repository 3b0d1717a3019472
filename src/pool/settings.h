#pragma once

#include "base/settings.h"

namespace isa::pool {

// Of the pool manager. The names with `agent` describe the shape of the pool `agent`: what all its sandboxes
// share.
struct Settings {
  std::string store = "sqlite";
  std::int64_t agent_warm = 10;
  std::int64_t agent_max = 50;
  std::int64_t agent_memory_mb = 512;
  std::int64_t agent_cpu_count = 2;
  std::int64_t agent_pids = 256;
  std::int64_t max_parallel_creates = 4;
  double refill_per_second = 10;
  std::chrono::milliseconds warm_max_age{std::chrono::hours(24)};
  std::chrono::milliseconds manager_ttl{std::chrono::seconds(10)};
  std::chrono::milliseconds drain_timeout{std::chrono::minutes(10)};
  std::chrono::milliseconds lease_idle{std::chrono::minutes(30)};
  std::chrono::milliseconds reclaim_after{std::chrono::minutes(1)};
  std::chrono::milliseconds sweep_every{std::chrono::seconds(5)};
  std::chrono::milliseconds reconcile_every{std::chrono::seconds(30)};
  std::chrono::milliseconds orphan_grace{std::chrono::minutes(1)};
  std::chrono::milliseconds create_timeout{std::chrono::seconds(30)};
  std::chrono::milliseconds warm_claim_timeout{std::chrono::seconds(3)};
  std::chrono::milliseconds retry_first{std::chrono::milliseconds(500)};
  std::chrono::milliseconds retry_max{std::chrono::minutes(1)};

  static constexpr auto settings() {
    using config::setting;
    using S = Settings;
    return std::tuple(
        setting("pool.store", &S::store,
                "where leases are kept: sqlite (one pool manager, in the data directory) or redis (several)"),
        setting("pool.agent.warm", &S::agent_warm, "sandboxes kept ready for the next conversation"),
        setting("pool.agent.max", &S::agent_max, "sandboxes at most, warm and leased together"),
        setting("pool.agent.memory_mb", &S::agent_memory_mb, "memory of one sandbox, 64 to 16384"),
        setting("pool.agent.cpu_count", &S::agent_cpu_count, "processors of one sandbox, 1 to 8"),
        setting("pool.agent.pids", &S::agent_pids,
                "processes and threads of one sandbox at most, 8 to 32768"),
        setting("pool.max_parallel_creates", &S::max_parallel_creates, "sandboxes created at the same time"),
        setting("pool.refill_per_second", &S::refill_per_second,
                "warm sandboxes made per second at most, after the first fill"),
        setting("pool.warm_max_age", &S::warm_max_age,
                "a warm sandbox of this age is replaced by a fresh one"),
        setting("pool.manager_ttl", &S::manager_ttl,
                "with redis: a pool manager that is silent for so long loses its instances to the others"),
        setting("pool.drain_timeout", &S::drain_timeout,
                "with --drain: how long a stop waits for conversations to end"),
        setting("pool.lease_idle", &S::lease_idle, "a conversation unused for so long loses its sandbox"),
        setting("pool.reclaim_after", &S::reclaim_after,
                "in a full pool where somebody waits: a conversation unused for so long loses its sandbox "
                "(with pool.store sqlite)"),
        setting("pool.sweep_every", &S::sweep_every, "how often leases are looked at for their end"),
        setting("pool.reconcile_every", &S::reconcile_every, "how often the pool is compared with what runs"),
        setting("pool.orphan_grace", &S::orphan_grace, "a sandbox that nobody knows is removed at this age"),
        setting("pool.create_timeout", &S::create_timeout, "a sandbox must be ready in this time"),
        setting("pool.warm_claim_timeout", &S::warm_claim_timeout,
                "a warm sandbox that is not bound in this time is given up for a fresh one"),
        setting("pool.retry_first", &S::retry_first,
                "pause after the first failed creation; doubles each time"),
        setting("pool.retry_max", &S::retry_max, "the longest pause between failed creations"));
  }
};

}  // namespace isa::pool
