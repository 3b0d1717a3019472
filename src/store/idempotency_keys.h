// Idempotency-Key (design: api.md, "For every role"): the one place that honours it, for every route whose
// handler it wraps.
#pragma once

#include "base/task_group.h"
#include "net/http.h"
#include "store/idempotency_store.h"

#include <functional>
#include <memory>

namespace isa::store {

// What requests with the same Idempotency-Key have in common. A request without a key has one of its own.
struct Once {
  std::string seed;  // 26 characters, as make_ulid() makes them.
  Timestamp since;   // When the first of them began.
  bool has_key = false;

  // The id of the one object of its kind that they make, whichever of them makes it.
  template <class AnyId>
  AnyId new_id() const {
    AnyId id;
    name(id);
    return id;
  }

 private:
  template <class Tag>
  void name(Id<Tag>& id) const {
    id = Id<Tag>(std::string(Tag::prefix) + seed);
  }
};

// What is kept of the answers of a route: all of it, or errors alone, where an answer shows what may be
// stored nowhere else (a secret). Then `made` answers every further request.
enum class KeptOf { answers, errors };

using OnceHandler = std::function<Task<Result<net::Response>>(net::Request&, Once)>;

// The first request with a key is executed; further ones of the same user with the same key are answered as
// it was, with the header Idempotency-Replayed, for 24 hours and across restarts:
//   - another method, path, query, If-Match or body (as JSON: neither spaces nor the order of fields matter):
//     422;
//   - the first is still under way: what it has made so far, or 409 with Retry-After;
//   - its answer was 429 or 5xx: that is not kept, and the next one is executed;
//   - the process died in the middle, or the caller left: what it made is looked for, and where there is
//     nothing the request is executed again.
// A request without a key costs nothing.
//
// Lives on one event loop, that of the router.
class IdempotencyKeys {
 public:
  IdempotencyKeys(asio::any_io_executor executor, IdempotencyStore& store);

  // A handler that refers to this object. `made` answers a request by what an earlier one with the same key
  // made; its not_found says that that one did not come so far. Without it a request that was cut off is
  // executed again, so it must be harmless twice, and `make` must not answer with a stream, which cannot be
  // kept.
  net::Handler once(OnceHandler make, OnceHandler made = {}, KeptOf kept = KeptOf::answers);

  // What was in flight when the process before this one ended is cut off. Serve nothing before it returned.
  Task<Result<void>> start();
  Task<void> stop();

 private:
  struct Guarded {
    OnceHandler make;
    OnceHandler made;
    KeptOf kept = KeptOf::answers;
  };
  class Hold;
  using Answer = Task<Result<net::Response>>;

  Answer answer(std::shared_ptr<const Guarded> route, net::Request& request);
  Answer meanwhile(const Guarded& route, net::Request& request, Once once, std::string key);
  Answer again(const Guarded& route, net::Request& request, Once once, std::string key);
  // Keeps what is to be kept of it.
  Answer settle(const Guarded& route, UserKey key, const net::Request& request,
                Result<net::Response> outcome);
  Task<void> purge_old();
  Task<void> give_up(UserKey key);

  IdempotencyStore& store_;
  bool is_stopping_ = false;
  TaskGroup background_;
};

// What must be the same in two requests with the same key; of any length of body 32 bytes, as hexadecimal.
std::string fingerprint_of(const net::Request& request);

}  // namespace isa::store
