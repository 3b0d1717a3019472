// What is known of the requests that bore an Idempotency-Key (store/idempotency_keys.h says what it is for).
#pragma once

#include "base/async.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/time.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace isa::store {

enum class KeyState {
  in_flight,  // Somebody answers it.
  cut_off,    // Nobody answers it any more: the process died or the caller left. What it did is unknown.
  answered,
};
BOOST_DESCRIBE_ENUM(KeyState, in_flight, cut_off, answered)

struct KeptAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

// A key means something to the user who sent it only.
struct UserKey {
  UserId user;
  std::string key;
};

struct KnownKey {
  KeyState state = KeyState::in_flight;
  std::string fingerprint;  // Of everything that the answer depends on.
  std::string seed;         // store/idempotency_keys.h, Once
  Timestamp since;
  std::optional<KeptAnswer> answer;  // Only when answered; none where what it made is shown instead.
};

// Keys are kept for kKept; an older one is as if it had never been there. Atomic, and committed on return.
// They belong to one service, as what they make does: what is in flight in the store is in flight in this
// process, or was in one that is gone.
class IdempotencyStore {
 public:
  static constexpr std::chrono::hours kKept{24};

  virtual ~IdempotencyStore() = default;

  // Nothing when the key is new: it is in flight now, as `wanted` says. Otherwise what was known of it. One
  // that was cut off is in flight again, for the caller who learns so, unless its fingerprint is another.
  virtual Task<Result<std::optional<KnownKey>>> claim(UserKey key, KnownKey wanted) = 0;
  virtual Task<Result<void>> keep(UserKey key, std::optional<KeptAnswer> answer) = 0;
  // In flight -> cut off. Idempotent.
  virtual Task<Result<void>> cut_off(UserKey key) = 0;
  // The same for every key: for the start after a crash. Returns how many.
  virtual Task<Result<std::int64_t>> cut_off_all() = 0;
  virtual Task<Result<void>> forget(UserKey key) = 0;  // Idempotent.
  // Removes those that were claimed before `before`; returns how many.
  virtual Task<Result<std::int64_t>> purge(Timestamp before) = 0;
};

}  // namespace isa::store
