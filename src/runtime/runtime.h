// The agent's side of the runtime protocol (sdk/runtime_protocol.h): late binding, and the loop next to its
// tools.
#pragma once

#include "net/client.h"
#include "net/router.h"
#include "runtime/forwarder.h"
#include "runtime/mcp_place.h"
#include "sdk/loop.h"
#include "sdk/runtime_protocol.h"
#include "sdk/tools/process_table.h"
#include "sdk/tools/shell_table.h"

#include <exception>
#include <list>
#include <memory>

namespace isa::runtime {

class EventWriter;

struct RuntimeOptions {
  std::string broker;     // Path of the broker's socket; models are asked through it.
  std::string workspace;  // May appear as late as the first chat.
  ForwarderPorts ports;   // Where programs reach the broker.
};

// Lives on one event loop. A sandbox belongs to one session, whose turns the platform puts in order; those of
// the members of a team may run side by side.
class Runtime {
 public:
  // `shells`: outlive the tools, which are made anew when their environment changes.
  Runtime(const asio::any_io_executor& executor, RuntimeOptions options,
          std::shared_ptr<sdk::ProcessTable> processes, std::shared_ptr<sdk::ShellTable> shells);
  // Ends what chats have started and left running. No chat may be under way.
  Task<void> stop();

  net::Router routes();
  // Of a program that is started in the sandbox now.
  Task<Result<std::map<std::string, std::string>>> fresh_environment();

 private:
  struct Chat;

  Task<Result<net::Response>> init(net::Request& request);
  Task<Result<net::Response>> chat(net::Request& request);
  Task<Result<void>> learn_environment();
  std::map<std::string, std::string> environment() const;
  Result<std::shared_ptr<Chat>> begin_chat(sdk::RuntimeChat from);
  Result<net::Response> steer(sdk::RuntimeChat from);
  Result<std::vector<std::shared_ptr<sdk::Tool>>> tools();
  // The chat's tools, those of its MCP servers included; what of them fails is told through `sink`.
  Task<Result<void>> equip(Chat& chat, const sdk::EventSink& sink);
  Task<void> converse(Chat& chat, EventWriter& writer, std::exception_ptr& failure);
  Task<void> stream(std::shared_ptr<Chat> chat, net::BodyWriter& to);
  Task<net::Response> answer(std::shared_ptr<Chat> chat);

  RuntimeOptions options_;
  std::shared_ptr<sdk::ProcessTable> processes_;
  std::shared_ptr<sdk::ShellTable> shells_;
  net::Client client_;
  std::unique_ptr<sdk::ChatModel> model_;
  std::optional<sdk::RuntimeInit> bound_;           // Set by init.
  std::map<std::string, std::string> from_broker_;  // What programs need to reach the outside.
  std::vector<std::shared_ptr<sdk::Tool>>
      tools_;               // Made by the first chat, and when their environment changes.
  std::list<Chat*> chats_;  // Those that are under way.
  sdk::mcp::Servers mcp_servers_;
};

// The environment of tools: this process's own, what init binds, and who it was bound for. The later ones
// win.
std::map<std::string, std::string> tool_environment(const char* const* inherited,
                                                    const sdk::RuntimeInit& init);

// Puts the real ports in the place of the usual ones, in the variables that name those: what the platform
// sets for models, and what `from_broker` says of the proxy.
void name_ports(std::map<std::string, std::string>& env,
                const std::map<std::string, std::string>& from_broker, const ForwarderPorts& ports);

// validation_error for names that are none, and for LD_*, which would change what every program loads.
Result<void> check_environment(const std::map<std::string, std::string>& env);

}  // namespace isa::runtime
