#pragma once

#include "base/settings.h"

namespace isa::agent {

struct AgentServiceConfig {
  std::string templates_dir = "templates";
  std::string skills_dir = "skills";
  std::int64_t max_events_in_flight = 256;
  std::int64_t max_run_bytes = 64 << 20;
  std::int64_t max_live_runs = 20'000;
  std::int64_t max_queued_runs = 32;
  std::chrono::milliseconds acquire_timeout{30'000};
  std::chrono::milliseconds drain_timeout{10'000};
  std::chrono::milliseconds deleted_retention{std::chrono::hours(24 * 30)};
  std::int64_t max_triggers_per_user = 50;
  std::int64_t trigger_max_failures = 5;
  std::chrono::milliseconds trigger_backoff{30'000};

  std::string default_model =
      "builtin/demo";  // Setting model.default, which the model role owns: set by src/app.

  static constexpr auto settings() {
    using config::setting;
    using C = AgentServiceConfig;
    return std::tuple(
        setting("agent.templates_dir", &C::templates_dir, "folder of the built-in agent templates (*.yaml)"),
        setting("agent.skills_dir", &C::skills_dir,
                "folder of the built-in skills (each a folder with a SKILL.md)"),
        setting("agent.max_events_in_flight", &C::max_events_in_flight,
                "events of one run that may wait for the event log before the agent is slowed down"),
        setting("agent.max_run_bytes", &C::max_run_bytes,
                "bytes of events after which a run is ended; a live run's events are kept in memory"),
        setting("agent.max_live_runs", &C::max_live_runs,
                "runs at once; a chat beyond that is answered with 503"),
        setting("agent.max_queued_runs", &C::max_queued_runs,
                "runs of one session that may wait for each other; a chat beyond that is answered with 429"),
        setting("agent.acquire_timeout", &C::acquire_timeout, "how long a chat waits for a sandbox"),
        setting("agent.drain_timeout", &C::drain_timeout,
                "how long a stop waits for live runs before it interrupts them"),
        setting("agent.deleted_retention", &C::deleted_retention,
                "how long a deleted agent is kept before it is removed for good"),
        setting("agent.max_triggers_per_user", &C::max_triggers_per_user, "triggers that one user may have"),
        setting("agent.trigger_max_failures", &C::trigger_max_failures,
                "runs of a trigger that may fail one after the other before it is disabled"),
        setting("agent.trigger_backoff", &C::trigger_backoff,
                "pause of a trigger after a failed run; doubled with each further one, up to an hour"));
  }
};

}  // namespace isa::agent
