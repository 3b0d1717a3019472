// Pool state that several pool managers share, on a Redis server of version 7.
#pragma once

#include "store/pool_store.h"
#include "store/redis/settings.h"

#include <memory>

namespace isa::net {
class TlsConnector;
}

namespace isa::store::redis {

// Lives on the event loop that opened it; every method runs there. stop() is awaited before it dies.
// A commit outlives what the server is set up to outlive (its appendonly and appendfsync).
class RedisPoolStore : public PoolStore {
 public:
  // failed_dependency when the server cannot be reached or refuses; later it may come and go. `tls` may be
  // null when the URL needs none.
  static Task<Result<std::unique_ptr<RedisPoolStore>>> open(Settings settings, net::TlsConnector* tls);
  virtual Task<void> stop() = 0;
};

}  // namespace isa::store::redis
