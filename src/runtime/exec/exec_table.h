// The commands of a sandbox, and their routes (sdk/exec_protocol.h).
#pragma once

#include "base/task_group.h"
#include "net/router.h"
#include "runtime/exec/exec.h"
#include "sdk/tools/workspace.h"

#include <functional>
#include <map>

namespace isa::runtime {

// Lives on one event loop; stop() before destruction.
class ExecTable {
 public:
  using EnvironmentSource = std::function<Task<Result<Environment>>()>;

  // `environment`: tells what a command gets, before its own variables. `workspace`: where relative paths
  // begin.
  ExecTable(const asio::any_io_executor& executor, std::shared_ptr<sdk::ProcessTable> processes,
            EnvironmentSource environment, std::string workspace);

  void add_routes(net::Router& to);
  Task<void> stop() { return tasks_.stop(); }

 private:
  using Answer = Task<Result<net::Response>>;

  Answer start(net::Request& request);
  Answer list();
  Answer show(net::Request& request);
  Answer output(net::Request& request);
  Answer change(net::Request& request, Result<void> (*act)(Exec&, const std::string& body));
  Result<std::shared_ptr<Exec>> begin(std::string id, const sdk::ExecStart& wanted, Environment env);
  Result<std::shared_ptr<Exec>> find(const net::Request& request) const;
  Result<void> make_room();

  std::shared_ptr<sdk::ProcessTable> processes_;
  EnvironmentSource environment_;
  std::string workspace_;
  std::map<std::string, std::shared_ptr<Exec>> execs_;  // By id, and so by age.
  TaskGroup tasks_;
};

}  // namespace isa::runtime
