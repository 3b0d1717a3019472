// Triggers, which start runs of an agent by themselves, and their firings.
#pragma once

#include "base/identity.h"
#include "base/json.h"
#include "store/page.h"
#include "store/run.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace isa::store {

struct TriggerIdTag {
  static constexpr std::string_view prefix = "trig_";
};
using TriggerId = Id<TriggerIdTag>;
struct FiringIdTag {
  static constexpr std::string_view prefix = "fire_";
};
using FiringId = Id<FiringIdTag>;

enum class TriggerType { schedule, webhook, pattern, threshold };
BOOST_DESCRIBE_ENUM(TriggerType, schedule, webhook, pattern, threshold)

struct Trigger {
  TriggerId id;
  UserId owner_id;  // In whose name its runs are started. It belongs to that user alone.
  // The owner's organizations when the owner made or last changed it: its runs see what these share.
  std::optional<std::vector<OrgId>> org_ids;
  AgentId agent_config_id;
  std::string name;
  TriggerType type = TriggerType::schedule;
  json::object rule;  // When it fires; agent/triggers/rules.h reads it.
  std::string prompt;
  std::optional<SessionId> session_id;  // The one session of all its runs; else each has a new one.
  std::int64_t cooldown_s = 60;
  bool enabled = true;
  std::optional<std::string> disabled_reason;  // Set when the platform disabled it, and why.
  std::optional<Timestamp> next_due_at;        // Of an enabled schedule that comes again.
  std::optional<Timestamp> not_before;  // It rests until then: the cooldown, or a pause after failures.
  std::optional<Timestamp> last_fired_at;
  std::int64_t fire_count = 0;
  std::int64_t failures = 0;  // Runs that failed one after the other.
  Timestamp created_at;
  Timestamp updated_at;
};
BOOST_DESCRIBE_STRUCT(Trigger, (),
                      (id, owner_id, org_ids, agent_config_id, name, type, rule, prompt, session_id,
                       cooldown_s, enabled, disabled_reason, next_due_at, not_before, last_fired_at,
                       fire_count, failures, created_at, updated_at))

enum class FiringCause { schedule, webhook, event, test };
BOOST_DESCRIBE_ENUM(FiringCause, schedule, webhook, event, test)

// pending: recorded, its run may not exist yet. started: its run exists. The others are ends.
enum class FiringState { pending, started, succeeded, failed, cancelled, interrupted };
BOOST_DESCRIBE_ENUM(FiringState, pending, started, succeeded, failed, cancelled, interrupted)

struct Firing {
  FiringId id;
  TriggerId trigger_id;
  FiringCause cause = FiringCause::schedule;
  FiringState state = FiringState::pending;
  std::optional<Timestamp> due_at;  // Of a schedule: when it should have been; earlier than created_at when
                                    // the platform was down.
  json::object payload;             // What came with it, bounded.
  RunId run_id;                     // Chosen with the firing, so that its run can be there only once.
  SessionId session_id;
  std::optional<std::string> error;  // Of a run that failed or never began.
  Timestamp created_at;
  std::optional<Timestamp> ended_at;
};
BOOST_DESCRIBE_STRUCT(Firing, (),
                      (id, trigger_id, cause, state, due_at, payload, run_id, session_id, error, created_at,
                       ended_at))

// What a step makes of a trigger.
struct TriggerStep {
  Trigger trigger;    // As it is from now on; id, owner_id and created_at stay what they were.
  json::object memo;  // What its rule remembers from one event to the next.
  std::optional<Firing> firing;
  // With a firing: a text that only one firing of this trigger can have ("due:<ms>", a signature), so that
  // neither a crash nor a replay makes two of it. Kept for at least kOnceKept.
  std::optional<std::string> once;
};

// Looks at a trigger, what its rule remembers and how many of its firings have not ended. Runs inside the
// transaction on the store's thread: quick, without I/O, referring to nothing of an event loop. Nothing when
// the trigger stays as it is.
using TriggerDecision = std::function<Result<std::optional<TriggerStep>>(
    const Trigger& trigger, const json::object& memo, std::int64_t open_firings)>;

// Every method is atomic, and committed when its task completes. A trigger and its firings belong to one
// user; a foreign one is not_found. trigger_store_test.cpp holds every engine to this contract.
class TriggerStore {
 public:
  static constexpr std::chrono::hours kOnceKept{1};
  static constexpr std::size_t kFiringsKept = 500;  // Of one trigger; older ones go when they have ended.

  virtual ~TriggerStore() = default;

  // quota_exceeded when the owner has `limit` triggers already. `sealed_secret` of a webhook, else empty.
  virtual Task<Result<void>> create(Trigger trigger, std::string sealed_secret, std::int64_t limit) = 0;
  virtual Task<Result<Trigger>> find(Identity scope, TriggerId id) = 0;
  virtual Task<Result<std::vector<Trigger>>> list(Identity scope) = 0;  // Oldest first.
  virtual Task<Result<void>> remove(Identity scope, TriggerId id) = 0;  // With its firings.
  // For the platform, not scoped. not_found when there is none, or it is no webhook.
  virtual Task<Result<std::pair<Trigger, std::string>>> webhook(TriggerId id) = 0;

  // Reads the trigger, decides and writes what was decided, in one transaction. conflict when a firing has
  // the `once` of another: nothing is written then. Returns the firing, if one was made.
  virtual Task<Result<std::optional<Firing>>> step(TriggerId id, TriggerDecision decide) = 0;
  // Enabled patterns and thresholds of the user.
  virtual Task<Result<std::vector<Trigger>>> listening(UserId owner) = 0;
  // Enabled schedules with next_due_at <= at, earliest first.
  virtual Task<Result<std::vector<Trigger>>> due(Timestamp at, std::size_t limit) = 0;
  virtual Task<Result<std::optional<Timestamp>>> next_due() = 0;

  // Newest first. `cursor` is opaque: empty, or Page::next_cursor.
  virtual Task<Result<Page<Firing>>> firings(Identity scope, TriggerId id, std::string cursor,
                                             std::size_t limit) = 0;
  virtual Task<Result<Firing>> find_firing(Identity scope, FiringId id) = 0;
  // Of every user: pending and started, oldest first.
  virtual Task<Result<std::vector<Firing>>> open_firings() = 0;
  // pending -> started. Idempotent.
  virtual Task<Result<void>> mark_started(FiringId id) = 0;
  // To one of the ends, together with a step of its trigger; what the step says of a firing is not used. A
  // firing that has ended keeps its first end, and nothing is decided.
  virtual Task<Result<void>> end_firing(FiringId id, FiringState end, std::optional<std::string> error,
                                        Timestamp at, TriggerDecision decide) = 0;
};

}  // namespace isa::store
