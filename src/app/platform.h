// The roles of one process and the event loops that they live on (docs/decisions/0002-loops-and-roles.md).
#pragma once

#include "app/listeners.h"
#include "app/platform_config.h"

#include <memory>
#include <set>
#include <string>

namespace isa::app {

class FrontLoop;
class BackLoop;

class Platform {
 public:
  // `roles`: agent, pool, cloud_os, model or some of them; what is missing is reached over HTTP by its URL.
  Platform(PlatformConfig config, std::set<std::string> roles);
  ~Platform();

  // Opens the sockets, brings up the stores, then the roles from the bottom. On an error nothing keeps
  // running.
  Result<void> start();
  // Graceful: runs end or are interrupted, then the roles stop from the top. Under `isa up` no sandbox
  // survives.
  // drain: before that, the pool takes no new sessions and waits for those that are there.
  void stop(bool drain = false);
  const Endpoints& endpoints() const;

 private:
  Result<void> prepare_data_dir();
  void shut_down(bool remove_sandboxes);

  PlatformConfig config_;
  std::set<std::string> roles_;
  std::unique_ptr<Listeners> listeners_;
  std::unique_ptr<BackLoop> back_;
  std::unique_ptr<FrontLoop> front_;
  bool is_published_ = false;  // endpoints.json is ours.
};

}  // namespace isa::app
