#include "cloud_os/backends/process/backend.h"

#include "cloud_os/environment.h"
#include "cloud_os/start_shim.h"
#include "cloud_os/unix_listener.h"

namespace isa::cloud_os {
namespace {

// As the shim reads it (shim/orders.h).
std::string environment_of(const SandboxDir& dir, const Record& record) {
  auto variables = sandbox_environment(record);
  variables["HOME"] = variables["ISA_WORKSPACE"] = dir.workspace().string();
  std::string text;
  for (const auto& [name, value] : variables) text.append(name).append("=").append(value).push_back('\0');
  return text;
}

}  // namespace

Result<Spawned> ProcessBackend::spawn(const SandboxDir& dir, const Record& record) {
  forget_last_start(dir);
  ISA_TRYV(write_atomically(dir.environment(), environment_of(dir, record), 0600, Durable::no));
  ISA_TRY(const auto groups, cgroups().create(dir.id(), record.vm.limits));
  auto words = begin_command(dir, record, groups);
  // On the host's loopback ports are everybody's: the system chooses some that are free.
  for (const auto& word :
       {std::string("--bare"), std::string("--"), shim_config().runtime.string(), std::string("--broker"),
        dir.broker_socket().string(), std::string("--workspace"), dir.workspace().string(),
        std::string("--model-port"), std::string("0"), std::string("--proxy-port"), std::string("0")})
    words.push_back(word);
  ShimDescriptors inherited;
  ISA_TRY(inherited.listener, listen_unix(dir.agent_socket(), 0600));
  ISA_TRY(const auto shim, start_shim(dir, words, std::move(inherited)));
  return Spawned{.supervisor = shim};
}

}  // namespace isa::cloud_os
