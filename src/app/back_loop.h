#pragma once

#include "app/listeners.h"
#include "cloud_os/service.h"
#include "model/service.h"
#include "net/client.h"
#include "net/event_loop.h"

#include <memory>
#include <set>

namespace isa::app {

// The model service, cloud_os and the brokers of its sandboxes: what a model call passes through.
class BackLoop {
 public:
  BackLoop(const PlatformConfig& config, std::set<std::string> roles, std::string internal_secret);
  ~BackLoop();

  Result<void> start(Listeners& listeners);
  // remove_sandboxes: none survives, leased ones neither.
  void stop(bool remove_sandboxes);

  // Null unless the role is served here.
  cloud_os::VmClient* vms() { return cloud_os_.get(); }
  asio::any_io_executor executor() const { return loop_.executor(); }

 private:
  Task<Result<void>> bring_up(Listeners& listeners, std::unique_ptr<cloud_os::Backend> backend);
  Task<void> tear_down(bool remove_sandboxes);

  const PlatformConfig& config_;
  std::set<std::string> roles_;
  std::string internal_secret_;
  net::EventLoop loop_{"isa-back"};
  std::unique_ptr<net::TlsConnector> tls_;
  std::unique_ptr<net::Client> client_;
  std::unique_ptr<model::Service> model_;
  std::unique_ptr<model::ModelClient> remote_model_;
  std::unique_ptr<cloud_os::Brokerage> brokerage_;
  std::unique_ptr<cloud_os::Service> cloud_os_;
  std::unique_ptr<net::Server> model_server_;
  std::unique_ptr<net::Server> cloud_os_server_;
};

}  // namespace isa::app
