// isa-runtime: the first process of a sandbox.
#include "base/log.h"
#include "base/task_group.h"
#include "net/server.h"
#include "runtime/exec/exec_table.h"
#include "runtime/files/file_routes.h"
#include "runtime/first_process.h"
#include "runtime/forwarder.h"
#include "runtime/listener.h"
#include "runtime/options.h"
#include "runtime/runtime.h"

#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <exception>

namespace isa::runtime {
namespace {

constexpr int kInheritedSocket = 3;
constexpr std::chrono::seconds kHandoverPatience{15};

net::ServerOptions server_options() {
  net::ServerOptions options;
  options.name = "isa-runtime";
  // A sandbox has one user, the platform; it goes away as a whole, so there is nothing to drain.
  options.limits.connections_max = 256;  // Each attached command and watch holds one.
  options.limits.drain_timeout = std::chrono::seconds(1);
  return options;
}

Result<void> listen(net::Server& server, const Options& options) {
  if (options.listen) {
    ISA_TRY(const auto bound, server.listen(*options.listen));
    log::info("runtime.listening", {{"at", bound.to_string()}});
    return ok();
  }
  if (options.listener_from.empty()) return server.listen_fd(kInheritedSocket);
  ISA_TRY(const int listener, receive_listener(options.listener_from, kHandoverPatience));
  return server.listen_fd(listener);
}

// The port that was got; the wanted one when there is none.
std::uint16_t listen_at(Forwarder& forwarder, std::uint16_t wanted) {
  const auto port = forwarder.listen(wanted);
  if (port)
    log::info("runtime.forwarding", {{"port", *port}});
  else
    log::warn("runtime.no_forwarder", {{"message", port.error().message()}});
  return port.value_or(wanted);
}

Task<Result<void>> serve(const Options options) {
  auto executor = co_await asio::this_coro::executor;
  auto processes = std::make_shared<sdk::ProcessTable>(sdk::ProcessTable::Orphans::ours);
  SignalWatch signals(executor, processes);
  // Neither is vital: a chat reaches the broker by its socket, not by the address that the forwarder offers
  // to tools.
  if (const auto up = bring_up_loopback(); !up)
    log::warn("runtime.no_loopback", {{"message", up.error().message()}, {"detail", up.error().detail()}});
  Forwarder forwarder(executor, options.broker);
  const ForwarderPorts ports{listen_at(forwarder, options.ports.model),
                             listen_at(forwarder, options.ports.proxy)};

  RuntimeOptions runtime_options{options.broker, options.workspace, ports};
  const auto shells = std::make_shared<sdk::ShellTable>(executor);
  Runtime runtime(executor, std::move(runtime_options), processes, shells);
  ExecTable execs(
      executor, std::move(processes), [&runtime] { return runtime.fresh_environment(); }, options.workspace);
  FileRoutes files(options.workspace);
  auto routes = runtime.routes();
  execs.add_routes(routes);
  files.add_routes(routes);
  net::Server server(executor, std::move(routes), server_options());
  const auto listening = listen(server, options);
  if (listening) co_await signals.wait_for_stop();
  co_await server.stop();
  co_await execs.stop();
  co_await runtime.stop();
  co_await shells->stop();
  co_await forwarder.stop();
  co_return listening;
}

// Where the result of a task that TaskGroup runs is kept.
Task<void> keep(Task<Result<void>> task, Result<void>& result) {
  result = co_await std::move(task);
}

int run(int argc, char** argv) {
  const auto options = parse_options({argv + 1, argv + argc});
  if (!options) {
    log::error("runtime.bad_option", {{"message", options.error().message()}});
    return 2;
  }
  become_first_process();
  asio::io_context context(1);
  TaskGroup tasks(context.get_executor());
  Result<void> result = internal_error("the runtime ended early");
  tasks.spawn("runtime", keep(serve(*options), result));
  context.run();
  if (result) return 0;
  log::error("runtime.failed", {{"message", result.error().message()}, {"detail", result.error().detail()}});
  return 1;
}

}  // namespace
}  // namespace isa::runtime

int main(int argc, char** argv) {
  try {
    return isa::runtime::run(argc, argv);
  } catch (const std::exception& e) {
    isa::log::error("runtime.failed", {{"detail", e.what()}});
    return 1;
  }
}
